"""The contract of model families, by topic."""
