"""The contract of observers, and the runs that it tells."""
