"""The contract of dispatchers, over those that are broken on purpose."""
