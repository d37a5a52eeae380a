"""What is done before a release: the distributions, built and checked."""
