"""Surveys: their rules, their rows, their pages, their way to the customer."""
