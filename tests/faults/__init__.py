"""What happens when parts are killed, stopped, slow or away: the truth is recomputed from what the test sent."""
