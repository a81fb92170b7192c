"""The heart: states with named moves, and decisions over cohorts. Pure: no I/O, no clock."""
