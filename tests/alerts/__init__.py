"""Alerts: the pure machines by themselves, then their rows, routes and deliveries on real PostgreSQL and Kafka."""
