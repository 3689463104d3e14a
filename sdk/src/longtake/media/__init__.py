"""Media files: takes as MP4 or lossless Matroska, and pictures, clips and sound from outside.

Nothing is imported here. All modules need numpy, and PyAV but ``png`` and ``contact_sheet``; the
latter needs Pillow.
"""
