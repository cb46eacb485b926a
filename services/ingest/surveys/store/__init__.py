"""Rows of surveys. Nothing here commits; every statement names the tenant, except those that look a token or a due row up."""
