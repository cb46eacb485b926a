"""What every service stands on: contracts, the stream runtime, the database and web sides. It knows no service."""
