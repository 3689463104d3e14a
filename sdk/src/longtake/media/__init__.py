"""Media files: a take as MP4 or lossless Matroska, read back, and its contact sheet.

Nothing is imported here. ``longtake.media.writer`` and ``longtake.media.reader`` need PyAV and
numpy, ``longtake.media.contact_sheet`` needs numpy and Pillow.
"""
