"""What a segment is conditioned on: frames and sound, at their places, as tokens."""
