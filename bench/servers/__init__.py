"""What ours is compared with: the idiomatic endpoint (peer), and the same micro-batching with nothing around it (limit)."""

TOPIC = "bench.records"
"""Made like that of events, but not it: what these two write is no event, and whoever reads events would set all of it aside."""
