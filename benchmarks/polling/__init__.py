"""When to ask: learned durations and event hints against a plain interval, on a clock that jumps."""
