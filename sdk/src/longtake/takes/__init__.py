"""Takes as files: written segment by segment, gone on with, and what each says of itself."""
