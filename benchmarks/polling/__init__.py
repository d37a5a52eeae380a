"""When to ask: learned durations against a plain interval, on a clock that jumps."""
