"""Alerts over HTTP: configuration, what fires and who has it, deliveries."""
