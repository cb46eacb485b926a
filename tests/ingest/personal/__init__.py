"""Personal data: normalised, pseudonymised, redacted."""
