"""A blob store in a folder of files."""
