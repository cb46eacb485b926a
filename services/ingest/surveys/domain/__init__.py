"""What surveys are, whom they ask and when, and what answers say. Pure: `now` and ids come in."""
