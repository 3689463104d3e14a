"""How the weights that Longtake brings along were made."""
