"""Scoring: the arithmetic by itself, then the tables, the handler, the publisher and the routes on real parts."""
