"""Scoring: keeps what was observed, adds it into buckets, and answers and announces the live numbers."""
