"""The table: how it is made, and what is asked of it."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from attrs import frozen
from psycopg import sql

import longtake as lt
from longtake_postgres.places import Place

__all__ = ["Statements", "prepare"]

_COMMENT = "sessions of Longtake, layout "
_LAYOUT = 1

_FIND = """
SELECT obj_description(class.oid, 'pg_class')
FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
WHERE space.nspname = %s AND class.relname = %s
"""
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_CREATE = """
CREATE TABLE {table} (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL)
"""

_READ = "SELECT key, value FROM {table} WHERE key = ANY(%s::text[])"
_SCAN = "SELECT key, value FROM {table} WHERE key >= %s AND key < %s ORDER BY key LIMIT %s"

_STAND_IN = """
INSERT INTO {table} (key, value)
SELECT every.key, %b::bytea FROM unnest(%s::text[]) AS every (key) ORDER BY every.key
ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE false
"""
_LOCK = """
SELECT FROM {table} WHERE key = ANY(%s::text[]) ORDER BY key FOR UPDATE
"""
_WRITE = """
WITH expected AS MATERIALIZED (
    SELECT NOT EXISTS (
        SELECT FROM unnest(%s::text[], %b::bytea[]) AS expected (key, value)
        LEFT JOIN {table} AS row ON row.key = expected.key
        WHERE row.value IS DISTINCT FROM expected.value
    ) AS met
), put AS (
    INSERT INTO {table} (key, value)
    SELECT put.key, put.value FROM unnest(%s::text[], %b::bytea[]) AS put (key, value), expected
    WHERE met ORDER BY put.key
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
), deleted AS (
    DELETE FROM {table} AS row USING expected, unnest(%s::text[]) AS gone (key)
    WHERE met AND row.key = gone.key
), withdrawn AS (
    DELETE FROM {table} AS row USING expected, unnest(%s::text[]) AS stood (key)
    WHERE NOT met AND row.key = stood.key AND row.value = %b::bytea
)
SELECT met FROM expected
"""


@frozen
class Statements:
    """What is asked of a table; columns are named, so that others may be added to it.

    ``write`` is one step with ``lock`` before it, or ``stand_in`` where rows must be absent: that
    one locks rows too, and puts rows of our own where there are none, which others wait for in the
    same way. Both go in the order of the keys, lest two wait for each other.
    """

    read: sql.Composed
    scan: sql.Composed
    stand_in: sql.Composed
    lock: sql.Composed
    write: sql.Composed

    @classmethod
    def of(cls, place: Place) -> Statements:
        """Those of the table of ``place``."""
        texts = (_READ, _SCAN, _STAND_IN, _LOCK, _WRITE)
        return cls(*(_of(text, place) for text in texts))


def prepare(connection: psycopg.Connection, place: Place) -> None:
    """Make the table when it is not there. Raises `SessionError` for one that is not ours."""
    if _is_there(connection, place):
        return
    with connection.transaction():
        connection.execute(_ALONE, [f"longtake {place.schema}.{place.table}"])
        if not _is_there(connection, place):
            connection.execute(_of(_CREATE, place))
            comment = sql.SQL("COMMENT ON TABLE {table} IS {comment}")
            connection.execute(
                comment.format(table=_table(place), comment=sql.Literal(f"{_COMMENT}{_LAYOUT}"))
            )


def _is_there(connection: psycopg.Connection, place: Place) -> bool:
    row = connection.execute(_FIND, [place.schema, place.table]).fetchone()
    if row is None:
        return False
    comment = row[0] or ""
    if comment == f"{_COMMENT}{_LAYOUT}":
        return True
    whose = (
        "was written by a later release of Longtake"
        if comment.startswith(_COMMENT)
        else "is none of Longtake's; name another one in the URL"
    )
    raise lt.SessionError(f"{place.shown}: its table {place.schema}.{place.table} {whose}")


def _table(place: Place) -> sql.Identifier:
    return sql.Identifier(place.schema, place.table)


def _of(text: LiteralString, place: Place) -> sql.Composed:
    return sql.SQL(text).format(table=_table(place))
