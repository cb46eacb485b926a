"""Closed loop: walks every complaint back to the customer, each step under its own clock."""
