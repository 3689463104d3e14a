"""A whole blob store over anything that keeps records."""
