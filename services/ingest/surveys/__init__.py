"""Surveys out: definitions, invitations and their sending, the page that customers answer on, and the public form."""
