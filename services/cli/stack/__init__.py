"""The local stack: Kafka, PostgreSQL and the services as child processes of one supervisor, with nothing installed but Python."""
