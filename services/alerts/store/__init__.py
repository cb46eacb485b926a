"""Alerts' rows. Everything here takes the session of its caller and never commits."""
