"""The plugin: two URL schemes, one store. psycopg is imported when a store is opened."""

from __future__ import annotations

import longtake as lt

LONGTAKE_API = ">=1,<2"

_OPEN = "longtake_postgres.sessions:open_store"


@lt.hookimpl
def longtake_session_stores() -> list[lt.SessionBackend]:
    return [
        lt.SessionBackend("postgresql", _OPEN, example="postgresql://localhost/longtake"),
        lt.SessionBackend("postgres", _OPEN),
    ]
