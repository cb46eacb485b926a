"""The Kafka side that every service shares: connection, topics, the producer, the consumer loop, dead letters, topic copies."""
