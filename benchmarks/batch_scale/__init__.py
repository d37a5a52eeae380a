"""A batch of 2,000,000 documents on a service that answers at once: memory, and the way back after SIGKILL."""
