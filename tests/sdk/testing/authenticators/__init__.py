"""The contract of authenticators, over those that are broken on purpose."""
