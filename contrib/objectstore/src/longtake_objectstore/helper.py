"""The helper process: does with obstore what a forked process asks for over a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from obstore.exceptions import BaseError

import longtake as lt
from longtake_objectstore.failures import meaning
from longtake_objectstore.objects import Objects
from longtake_objectstore.places import Place

__all__ = ["serve"]


def serve(descriptor: int) -> None:
    """Answer until the other side of the socket is closed."""
    with Connection(descriptor) as connection, suppress(EOFError, BrokenPipeError):
        place: Place = connection.recv()
        objects = Objects(place)
        while True:
            method, arguments = connection.recv()
            value = _done(objects, place, connection, method, arguments)
            has_bytes = isinstance(value, bytes | memoryview)
            connection.send((None if has_bytes else value, has_bytes))
            if has_bytes:
                connection.send_bytes(value)


def _done(
    objects: Objects, place: Place, connection: Connection, method: str, arguments: tuple[Any, ...]
) -> Any:
    """What the method gives, or the `BlobError` for what it raises."""
    try:
        match method:
            case "write":
                return _write(objects, connection, *arguments)
            case "read":
                return objects.read(*arguments)
            case "read_slice":
                return objects.read_slice(*arguments)
            case "delete":
                return objects.delete(*arguments)
            case "list_ids":
                return list(objects.list_ids(min_age_seconds=arguments[0]))
            case _:
                return objects.has(*arguments)
    except (BaseError, OSError, ValueError) as error:
        return meaning(error, place.url) or lt.BlobStoreUnavailable(f"{place.url}: it failed")


def _write(objects: Objects, connection: Connection, key: str) -> None:
    pieces = _pieces(connection)
    try:
        objects.write(key, pieces)
    finally:
        for _ in pieces:  # so that the other side gets rid of them
            pass


def _pieces(connection: Connection) -> Iterator[bytes]:
    """Raises `EOFError` when the other side could not make them all, which aborts the upload."""
    while piece := connection.recv_bytes():
        yield piece
