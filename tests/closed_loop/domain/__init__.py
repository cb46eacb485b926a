"""Calendars and clocks, pure: laws by Hypothesis, edges by hand."""
