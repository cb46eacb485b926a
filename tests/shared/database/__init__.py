"""The database side."""
