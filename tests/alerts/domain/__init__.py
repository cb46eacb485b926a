"""The pure part of alerts, in milliseconds."""
