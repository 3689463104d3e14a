"""What a checkpoint's files say, read without loading a network."""
