"""The contract of authenticators."""
