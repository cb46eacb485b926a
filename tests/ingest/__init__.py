"""Tests of ingest's own parts; what needs its running process is in tests/system."""
