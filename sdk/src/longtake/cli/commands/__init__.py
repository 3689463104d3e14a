"""The commands, one module each; what several of them share is in rooms of its own."""
