"""Tests of shared.contracts: what may be sent, what is stored, and that the fast decoder and pydantic agree."""
