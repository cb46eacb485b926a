"""Closed loop: calendars and clocks by themselves and against a slow reference, then the routes."""
