"""Longtake's blobs in object stores. Importing this package or its plugin imports no client."""

from __future__ import annotations

__version__ = "0.1.0"
