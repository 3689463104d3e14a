"""The table: how it is made, and what is asked of it."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from attrs import frozen
from psycopg import sql

import longtake as lt
from longtake_postgres.places import Place

__all__ = ["Statements", "make_function", "prepare"]

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

_FUNCTION = """
CREATE OR REPLACE FUNCTION {function}(
    expected text[], expected_values bytea[], puts text[], put_values bytea[], deletes text[]
) RETURNS boolean LANGUAGE plpgsql AS $function$
DECLARE
    bucket integer;
BEGIN
    FOR bucket IN
        SELECT DISTINCT hashtext(every.key) & 1023
        FROM unnest(expected || puts || deletes) AS every (key) ORDER BY 1
    LOOP
        PERFORM pg_advisory_xact_lock(hashtext({name}), bucket);
    END LOOP;
    FOR number IN 1 .. cardinality(expected) LOOP
        IF (SELECT row.value FROM {table} AS row WHERE row.key = expected[number])
            IS DISTINCT FROM expected_values[number]
        THEN
            RETURN false;
        END IF;
    END LOOP;
    IF cardinality(deletes) > 0 THEN
        DELETE FROM {table} AS row WHERE row.key = ANY (deletes);
    END IF;
    INSERT INTO {table} (key, value) SELECT * FROM unnest(puts, put_values)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value;
    RETURN true;
END
$function$
"""
"""Locks are taken in one order for all, lest two wait for each other; a row that is absent is
locked as well. Each query sees what was committed before it, so what is behind the locks sees what
those who had them have written. Another text gets another name."""

_WRITE = "SELECT {function}(%s::text[], %b::bytea[], %s::text[], %b::bytea[], %s::text[])"


@frozen
class Statements:
    """What is asked of a table; columns are named, so that others may be added to it."""

    read: sql.Composed
    scan: sql.Composed
    write: sql.Composed

    @classmethod
    def of(cls, place: Place) -> Statements:
        """Those of the table of ``place``."""
        texts = (_READ, _SCAN, _WRITE)
        return cls(*(_of(text, place) for text in texts))


def prepare(connection: psycopg.Connection, place: Place) -> None:
    """Make the table when it is not there. Raises `SessionError` for one that is not ours."""
    if _is_there(connection, place):
        return
    with connection.transaction():
        connection.execute(_ALONE, [f"longtake {place.schema}.{place.table}"])
        if not _is_there(connection, place):
            connection.execute(_of(_CREATE, place))
            connection.execute(_of(_FUNCTION, place))
            comment = sql.SQL("COMMENT ON TABLE {table} IS {comment}")
            connection.execute(
                comment.format(table=_table(place), comment=sql.Literal(f"{_COMMENT}{_LAYOUT}"))
            )


def make_function(connection: psycopg.Connection, place: Place) -> None:
    """Make the function of ``write``, which a table of another release may be without."""
    with connection.transaction():
        connection.execute(_ALONE, [f"longtake {place.schema}.{place.table}"])
        connection.execute(_of(_FUNCTION, place))


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
    function = sql.Identifier(place.schema, f"{place.table}_change_1")
    return sql.SQL(text).format(table=_table(place), function=function, name=name)
