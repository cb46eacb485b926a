"""A contact centre that does not exist, and the client with which anything is posted through the public API."""
