"""The records of a store: objects of a bucket, in this process or by way of a helper."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import longtake as lt
from longtake_objectstore.failures import meaning
from longtake_objectstore.helpers import Helpers
from longtake_objectstore.objects import PART_SIZE, Objects
from longtake_objectstore.places import parse_url

__all__ = ["ObjectRecords"]

_IMPORTED_IN = os.getpid()
"""obstore's threads live in the process that imported it, and a fork has none of them."""

_NUM_PARTS = 10_000


class ObjectRecords(lt.BlobRecords):
    """Records in the folder of a bucket that ``url`` names. Pickled, it is ``url``.

    Raises `ValidationError` for a URL that it cannot use. Nothing is sent before the first use. A
    process that was forked after obstore was imported would wait for ever for obstore's threads;
    there, helper processes do the work.
    """

    max_size = (_NUM_PARTS - 1) * PART_SIZE

    def __init__(self, url: str) -> None:
        self._url = url
        self._place = parse_url(url)
        self._here = Objects(self._place)
        self._helpers = Helpers(self._place)

    @property
    def _objects(self) -> Objects | Helpers:
        return self._here if os.getpid() == _IMPORTED_IN else self._helpers

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        self._objects.write(key, pieces)

    def read(self, key: str) -> bytes | memoryview | None:
        return self._objects.read(key)

    def read_slice(self, key: str, start: int, stop: int | None) -> bytes | memoryview | None:
        return self._objects.read_slice(key, start, stop)

    def delete(self, key: str) -> None:
        self._objects.delete(key)

    def has(self, key: str) -> bool:
        return self._objects.has(key)

    def list_ids(self, *, min_age_seconds: float) -> Iterator[str]:
        yield from self._objects.list_ids(min_age_seconds=min_age_seconds)

    def failure(self, error: Exception) -> lt.BlobError | None:
        return meaning(error, self._place.url)

    def close(self) -> None:
        self._helpers.close()

    def __reduce__(self) -> tuple[type[ObjectRecords], tuple[str]]:
        return type(self), (self._url,)

    def __repr__(self) -> str:
        return self._place.url
