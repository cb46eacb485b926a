"""The arithmetic of scoring, in milliseconds and without any server."""
