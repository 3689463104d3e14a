"""Longtake's blobs and sessions in Redis.

Importing this package or its plugin does not import redis-py.
"""

from __future__ import annotations

__version__ = "0.1.0"
