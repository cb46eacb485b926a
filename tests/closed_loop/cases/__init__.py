"""Cases, clocks and timers of closed_loop on a real database."""
