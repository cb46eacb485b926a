"""The HTTP side that every service shares: app factory, problem+json, keys and scopes, limits, health, the process itself."""
