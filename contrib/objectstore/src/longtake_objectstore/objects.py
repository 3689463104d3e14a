"""Objects of a bucket, one for each record and named by its key."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Literal

import obstore
from obstore import exceptions

from longtake_objectstore.clients import client_of
from longtake_objectstore.failures import raise_without_bucket
from longtake_objectstore.places import Place

if TYPE_CHECKING:
    from longtake_objectstore.clients import Client

__all__ = ["PART_SIZE", "SINGLE_PUT", "Objects"]

MIB = 2**20

SINGLE_PUT = 64 * MIB + 4096
"""Bytes up to which one request is faster than an upload in parts; a seal has room, too."""

PART_SIZE = 16 * MIB
"""Bytes of each part of a larger upload; services take up to 10,000 parts."""

CLOCK = "longtake-clock"
"""The object that is put to learn the service's time."""

_PARTS_AT_ONCE = 4
_LISTED_AT_ONCE = 1000

_SMALL = MIB
_SLOWEST = MIB
"""Bytes a second that an upload must be worth waiting for."""


class Objects:
    """The objects in ``place``, for the process that obstore was imported in.

    Raises `ValidationError` when obstore cannot use what is configured. Sends nothing yet.
    """

    def __init__(self, place: Place) -> None:
        self._client = client_of(place, silence=place.timeout)
        self._mode: Literal["create", "overwrite"] = "create"
        self._patient = client_of(place, silence=place.timeout + SINGLE_PUT // _SLOWEST)

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        rest = iter(pieces)
        first, size = _first_of(rest, SINGLE_PUT)
        if size <= SINGLE_PUT:
            self._create(key, list(first), self._client if size <= _SMALL else self._patient)
            return
        obstore.put(  # what fails, or whose pieces fail, is aborted by obstore
            self._patient,
            key,
            chain(_emptied(first), rest),
            use_multipart=True,
            chunk_size=PART_SIZE,
            max_concurrency=_PARTS_AT_ONCE,
        )

    def read(self, key: str) -> bytes | memoryview | None:
        try:
            return memoryview(obstore.get(self._client, key).bytes())
        except FileNotFoundError as error:
            raise_without_bucket(error)
            return None

    def read_slice(self, key: str, start: int, stop: int | None) -> bytes | memoryview | None:
        size = self._size(key)
        if size is None:
            return None
        start, stop, _ = slice(start, stop).indices(size)
        if start >= stop:  # no service takes an empty range
            return b""
        try:
            return memoryview(obstore.get_range(self._client, key, start=start, end=stop))
        except FileNotFoundError as error:  # deleted just now
            raise_without_bucket(error)
            return None
        except exceptions.GenericError as error:
            if "non-partial" not in str(error):
                raise
        whole = self.read(key)  # from a server that gives no ranges
        return None if whole is None else memoryview(whole)[start:stop]

    def delete(self, key: str) -> None:
        try:
            obstore.delete(self._client, key)
        except FileNotFoundError as error:  # some services say so
            raise_without_bucket(error)

    def has(self, key: str) -> bool:
        return self._size(key) is not None

    def list_ids(self, *, min_age_seconds: float) -> Iterator[str]:
        """Names below the folder whose objects are that old by the service's clock.

        The age is the time from an object's ``last_modified`` to that of `CLOCK`, which is put for
        it; obstore does not show the date of an answer, and no clock of ours is asked.
        """
        obstore.put(self._client, CLOCK, b"now\n", mode="overwrite", use_multipart=False)
        now: datetime = obstore.head(self._client, CLOCK)["last_modified"]
        until = now - timedelta(seconds=min_age_seconds)
        for page in obstore.list(self._client, chunk_size=_LISTED_AT_ONCE):
            for each in page:
                if each["last_modified"] <= until:
                    yield each["path"]

    def _size(self, key: str) -> int | None:
        try:
            return int(obstore.head(self._client, key)["size"])
        except FileNotFoundError:  # an answer without a body, so it may also be the bucket
            whole = self.read(key)
            return None if whole is None else len(whole)

    def _create(self, key: str, pieces: list[bytes | memoryview], client: Client) -> None:
        """One request, which never replaces an object where the service can promise that."""
        try:
            obstore.put(client, key, pieces, mode=self._mode, use_multipart=False)
        except exceptions.AlreadyExistsError:
            # Keys are new and random: the first try got through, and its answer was lost.
            if bytes(self.read_slice(key, -len(pieces[-1]), None) or b"") != pieces[-1]:
                raise
        except (
            exceptions.GenericError,
            exceptions.NotSupportedError,
            NotImplementedError,
        ) as error:
            if self._mode == "overwrite" or not _is_without_conditions(error):
                raise
            self._mode = "overwrite"
            self._create(key, pieces, client)


def _is_without_conditions(error: Exception) -> bool:
    """Whether the service does not know ``If-None-Match``."""
    return not isinstance(error, exceptions.GenericError) or "501 Not Implemented" in str(error)


def _first_of(
    pieces: Iterator[bytes | memoryview], limit: int
) -> tuple[deque[bytes | memoryview], int]:
    """Pieces until there are no more or they have more than ``limit`` bytes, and their size."""
    first: deque[bytes | memoryview] = deque()
    size = 0
    for piece in pieces:
        first.append(piece)
        size += len(piece)
        if size > limit:
            break
    return first, size


def _emptied(pieces: deque[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The pieces, none of which is kept."""
    while pieces:
        yield pieces.popleft()
