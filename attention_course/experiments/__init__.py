"""What was measured and recorded: searches, profiles, benchmarks."""
