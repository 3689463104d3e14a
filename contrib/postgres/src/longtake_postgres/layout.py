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

_LOCK = """
SELECT pg_advisory_xact_lock(hashtext({name}), bucket) FROM (
    SELECT DISTINCT hashtext(every.key) & 1023 AS bucket
    FROM unnest(%s::text[]) AS every (key) ORDER BY bucket
) AS buckets
"""
"""In one order for all, lest two wait for each other; a row that is absent is locked as well."""
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
)
SELECT met FROM expected
"""


@frozen
class Statements:
    """What is asked of a table; columns are named, so that others may be added to it.

    ``write`` is one step with ``lock`` before it, which keeps others from all rows of the change.
    """

    read: sql.Composed
    scan: sql.Composed
    lock: sql.Composed
    write: sql.Composed

    @classmethod
    def of(cls, place: Place) -> Statements:
        """Those of the table of ``place``."""
        texts = (_READ, _SCAN, _LOCK, _WRITE)
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
    name = sql.Literal(f"longtake {place.schema}.{place.table}")
    return sql.SQL(text).format(table=_table(place), name=name)
