"""How the commands that roll takes begin, roll, keep and tell of them."""
