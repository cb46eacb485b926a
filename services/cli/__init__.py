"""The `hearback` command: composes the services and the local stack, decides nothing of the domain."""
