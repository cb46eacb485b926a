"""How the services tell what they do."""
