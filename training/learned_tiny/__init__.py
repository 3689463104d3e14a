"""A tiny LTX-2 that learns scenes which a program makes: ``python -m training.learned_tiny``."""
