"""The contact centre that posts: what it says, at which pace, and that it gives nothing up."""
