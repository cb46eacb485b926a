"""What ours is compared with: the idiomatic endpoint (peer), and the same micro-batching with nothing around it (limit)."""
