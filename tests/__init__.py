"""The tests mirror the code: tests/<service>, tests/shared, tests/contracts, and tests/system for the whole. Real parts only."""
