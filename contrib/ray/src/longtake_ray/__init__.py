"""Longtake's dispatcher over a Ray cluster. Importing this package or its plugin imports no Ray."""

from __future__ import annotations

__version__ = "0.1.0"
