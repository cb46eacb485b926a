"""The whole product on real parts: service processes, Kafka, PostgreSQL, the public API."""
