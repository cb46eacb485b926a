"""What customers see: the survey page and the public form. Server-rendered, without any script, in English and 简体中文."""
