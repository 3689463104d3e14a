"""The table: how it is made, and what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

import psycopg
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
_FEW = 16
"""Rows of a change that are given one by one: psycopg takes ten times as long for a list."""


class Statements:
    """What is asked of the table of ``place``; columns are named, so that others may be added."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.read = _of(_READ, place)
        self.scan = _of(_SCAN, place)
        self._write = _of(_WRITE, place)
        self._writes: dict[tuple[int, int, int], sql.Composed] = {}

    def write(self, change: lt.RowChange) -> tuple[sql.Composed, Sequence[object]]:
        """A call of the function with ``change``, and its parameters."""
        expected, puts = change.expected, change.puts
        deletes = [key for key in change.deletes if key not in puts]
        values = (expected, expected.values(), puts, puts.values(), deletes)
        shape = (len(expected), len(puts), len(deletes))
        if sum(shape) > _FEW:
            return self._write, [list(each) for each in values]
        if shape not in self._writes:
            self._writes[shape] = _of(_one_by_one(*shape), self._place)
        return self._writes[shape], [value for each in values for value in each]


def _one_by_one(num_expected: int, num_puts: int, num_deletes: int) -> LiteralString:
    """The text of a call with so many rows, each of which is a parameter."""
    rows = (*_arrays(num_expected), *_arrays(num_puts), _array("%s", num_deletes, "text"))
    return f"SELECT {{function}}({', '.join(rows)})"


def _arrays(number: int) -> tuple[LiteralString, LiteralString]:
    """Of as many keys, and of their values."""
    return _array("%s", number, "text"), _array("%b", number, "bytea")


def _array(each: LiteralString, number: int, kind: LiteralString) -> LiteralString:
    return f"ARRAY[{', '.join([each] * number)}]::{kind}[]"


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
