"""The contract of dispatchers, and the family that it rolls."""
