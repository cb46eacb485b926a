"""Ingest: takes feedback events in, proves who sent them, and puts them on Kafka. Its access part owns tenants and keys."""
