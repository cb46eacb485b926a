"""How the services tell what they do: structured logs, trace context, Prometheus metrics."""
