"""Longtake's session service. Importing this package imports no web server."""

from __future__ import annotations

__version__ = "0.1.0"
