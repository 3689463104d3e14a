"""How the weights that Longtake brings along are made."""
