"""Outgoing messages of every service: rows first, sent under leases, one retry policy, one signature, one guard on addresses."""
