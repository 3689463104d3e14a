"""Names of files that nobody has taken."""

from __future__ import annotations

import os

__all__ = ["free_name"]


def free_name(path: str) -> str:
    """``path`` if nothing is there; else the first free of ``take-2.mp4``, ``take-3.mp4``, …"""
    stem, suffix = os.path.splitext(path)
    number, name = 1, path
    while os.path.lexists(name):
        number += 1
        name = f"{stem}-{number}{suffix}"
    return name
