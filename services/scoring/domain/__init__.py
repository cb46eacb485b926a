"""The arithmetic of scoring: pure, exact, and free of HTTP, Kafka and SQL."""
