"""What alerts decides, as pure functions: rules, their states, clock facts, routes and groups. `now` always comes in."""
