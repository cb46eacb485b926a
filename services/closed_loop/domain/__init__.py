"""The rules of the closed loop: pure, told the time, and free of HTTP, Kafka and SQL."""
