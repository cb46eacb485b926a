"""Channels: a vendor's webhooks and polls as endpoints of a tenant. Adapters say what a request means; here it is taken, kept, fetched."""
