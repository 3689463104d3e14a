"""Longtake's sessions in PostgreSQL. Importing this package or its plugin imports no psycopg."""

from __future__ import annotations

__version__ = "0.1.0"
