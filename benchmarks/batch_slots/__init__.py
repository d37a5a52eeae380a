"""Are the service's slots kept full? 1,000 documents of uneven durations on 25 slots, against a window of 25."""
