"""What is in ``deploy/``: it fits together, and to the code."""
