"""Tells the right person when a number or a clock goes wrong: rules, routes, groups, receivers, deliveries."""
