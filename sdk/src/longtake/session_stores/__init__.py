"""Sessions that outlive processes: what is kept of one, and where."""
