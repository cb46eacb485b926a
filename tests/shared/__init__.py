"""Tests of what every service stands on, on real Kafka and PostgreSQL."""
