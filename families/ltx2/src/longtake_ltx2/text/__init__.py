"""Prompts encoded once: running the text encoder, and remembering what it gave."""
