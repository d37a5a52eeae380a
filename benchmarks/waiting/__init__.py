"""1,000 jobs that wait in one event loop: our JobTrigger against the Amazon provider's waiter trigger."""
