"""All documents that differ from a written one by one damage of a kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from longtake.testing.codecs import wrong_values
from longtake.testing.codecs.fixtures import Sample
from longtake.testing.codecs.stores import RecordingStore
from longtake.testing.codecs.wrong_values import Damaged, Place, at, places, removed, replaced

__all__ = [
    "damaged",
    "flipped",
    "stores_with",
    "with_absurd_numbers",
    "with_big_sizes",
    "with_big_values",
    "with_extreme_numbers",
    "with_other_types",
    "with_texts",
    "with_values",
    "without_each",
]

_VERSION = "schema_version"
_MOST_PLACES = 24


def _fields(payload: Any) -> Iterator[Place]:
    """Every place but the version's, which has a test of its own."""
    return (place for place in places(payload) if place != (_VERSION,))


def without_each(payload: Any) -> Iterator[Damaged]:
    for place in places(payload):
        yield Damaged(place, "left out", removed(payload, place))


def with_values(payload: Any, values: Iterable[Any]) -> Iterator[Damaged]:
    for place in places(payload):
        for value in values:
            yield Damaged(place, f"is {value!r}", replaced(payload, place, value))


def with_other_types(payload: Any) -> Iterator[Damaged]:
    for place in _fields(payload):
        for value in wrong_values.other_types(at(payload, place)):
            yield Damaged(place, f"is {value!r}", replaced(payload, place, value))


def with_extreme_numbers(payload: Any) -> Iterator[Damaged]:
    for place in _fields(payload):
        for value in wrong_values.extreme_numbers(at(payload, place)):
            change = f"is {value:.3g}" if isinstance(value, float) else f"is {str(value)[:32]}"
            yield Damaged(place, change, replaced(payload, place, value))


def with_absurd_numbers(payload: Any) -> Iterator[Damaged]:
    """Numbers that no field with bounds takes; a seed may be any of 64 bits, so it stays."""
    for place in _fields(payload):
        for value in wrong_values.absurd_numbers(at(payload, place)):
            if place[-1] != "seed":
                yield Damaged(place, f"is {value!r}", replaced(payload, place, value))


def with_big_values(payload: Any, many: int) -> Iterator[Damaged]:
    values = wrong_values.big_values(many)
    somewhere = list(_fields(payload))
    for place in somewhere[:: len(somewhere) // _MOST_PLACES + 1]:
        for change, value in values.items():
            yield Damaged(place, change, replaced(payload, place, value))


def with_big_sizes(payload: Any) -> Iterator[Damaged]:
    """Numbers that would still be allocated, were they a size."""
    for place in _fields(payload):
        value = at(payload, place)
        if isinstance(value, int) and not isinstance(value, bool):
            yield Damaged(place, "is 10**8", replaced(payload, place, 10**8))


def with_texts(payload: Any, texts: Iterable[str]) -> Iterator[Damaged]:
    for place in _fields(payload):
        if isinstance(at(payload, place), str):
            for text in texts:
                yield Damaged(place, f"is {text[:20]!a}", replaced(payload, place, text))


def stores_with(sample: Sample, damages: Any) -> Iterator[RecordingStore]:
    """The sample's store with each of its blobs damaged in each way."""
    if sample.blobs is None:
        return
    for blob_id, content in sample.blobs.contents().items():
        for damaged in damages(content):
            sample.blobs.damaged = {blob_id: damaged}
            yield sample.blobs
    sample.blobs.damaged = {}


def damaged(content: bytes) -> list[bytes]:
    others = [b"", content[: len(content) // 2], content[:-1], content + b"x", b"\xff" * 99]
    return [*others, bytes(len(content)), b"{}", b"[" * 100_000]


def flipped(content: bytes) -> Iterator[bytes]:
    for place in {0, len(content) // 3, len(content) // 2, len(content) - 1}:
        for bit in (0x01, 0x80):
            changed = bytearray(content)
            changed[place] ^= bit
            yield bytes(changed)
