"""A take's picture and sound as players want them: a stream while it grows, a file, pictures."""
