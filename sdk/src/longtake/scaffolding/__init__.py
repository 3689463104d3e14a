"""A new plugin's package, from a template."""
