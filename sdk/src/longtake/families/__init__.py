"""What a plugin says about a family of models."""
