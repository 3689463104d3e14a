"""What the contract puts into stores, asks them for, and how it looks at what they answer."""

from __future__ import annotations

import hashlib
import pickle
import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NoReturn, Protocol

import longtake as lt

__all__ = [
    "AnyStore",
    "absent_id",
    "closed",
    "content_of",
    "hostile_ids",
    "is_whole",
    "look_ups",
    "noise",
    "of_its_own",
    "opened_again",
    "pickled",
    "same",
    "sealed_noise",
    "skip",
]


class AnyStore(lt.BlobStore, Protocol):
    """A store under test, which is also given what it has to refuse."""

    def put(self, data: Any, *, mime: str = ...) -> str: ...

    def get(self, blob_id: Any) -> bytes | memoryview: ...

    def drop(self, blob_id: Any) -> None: ...


def skip(reason: str) -> NoReturn:
    """Skip the test that runs."""
    import pytest  # not above, since other processes import this module too

    pytest.skip(reason)


def noise(size: int, seed: int = 0) -> bytes:
    """``size`` bytes that no compression makes smaller, the same for the same ``seed``."""
    return random.Random(seed).randbytes(size)


_numbers = count()


def of_its_own(size: int = 64) -> bytes:
    """At least 16 bytes that no other call gives, so that equal content never confuses a test."""
    return next(_numbers).to_bytes(16, "little") + noise(max(0, size - 16), size)


def sealed_noise(chance: random.Random, size: int) -> bytes:
    """32 bytes of digest and the ``size`` random bytes that it is of: whole by itself."""
    body = chance.randbytes(size)
    return hashlib.sha256(body).digest() + body


def same(given: object, wanted: object) -> bool:
    """Whether they are equal: by a function, since pytest compares unequal bytes for minutes."""
    return given == wanted


def is_whole(content: bytes) -> bool:
    """Whether ``content`` is a whole `sealed_noise`."""
    return len(content) >= 32 and hashlib.sha256(content[32:]).digest() == content[:32]


def content_of(store: lt.BlobStore, blob_id: str) -> bytes | None:
    """The blob's bytes; None when the store says, in whatever words, that there is no such blob."""
    try:
        return bytes(store.get(blob_id))
    except LookupError:
        return None


def absent_id(store: AnyStore) -> str:
    """An id of the store's own form under which it has nothing."""
    first, second = store.put(of_its_own()), store.put(of_its_own())
    store.drop(first)
    store.drop(second)
    return first[: len(first) // 2] + second[len(first) // 2 :]


def look_ups(store: AnyStore) -> Iterator[tuple[str, Callable[[Any], object]]]:
    """Every method of the store that takes an id and needs its blob, by name."""
    yield "get", store.get
    if isinstance(store, lt.SupportsStat):
        yield "stat", store.stat
    if isinstance(store, lt.SupportsRange):
        yield "get_range", lambda blob_id: store.get_range(blob_id, 0, 1)
    if isinstance(store, lt.SupportsPath):
        yield "path", store.path


def hostile_ids(real: str) -> dict[str, str]:
    """Strings that are no ids, most of them made from the id ``real``."""
    size = len(real)
    return {
        "empty": "",
        "the folder": ".",
        "the folder above": "..",
        "a way up": f"../{real}",
        "a long way up": "../" * 8 + "etc/passwd",
        "an absolute path": "/etc/passwd",
        "a path": f"{real}/{real}",
        "a path of the right length": f"aa/{real}"[:size],
        "a percent-encoded way up": f"%2e%2e%2f{real}",
        "a home folder": f"~{real[1:]}",
        "a drive": f"c:{real[2:]}",
        "a backslash": f"..\\{real}",
        "NUL inside": real[: size // 2] + "\0" + real[size // 2 + 1 :],
        "NUL behind": f"{real}\0",
        "a line break behind": f"{real}\n",
        "CRLF behind": f"{real}\r\n",
        "CRLF inside": f"{real}\r\nDEL {real}",
        "a space before": f" {real}",
        "a wildcard": "*",
        "a pattern": f"{real[:-1]}?",
        "5,000 characters": "a" * 5000,
        "5,000 of its characters": (real * 5000)[:5000],
        "cut short": real[:-1],
        "one more": f"{real}{real[-1]}",
        "digits of another script": "\u0661" * size,
        "a lone surrogate": "\udcff" * size,
        "full-width letters": "\uff41" * size,
        "a quote": f"{real}' OR '1'='1",
    }


def pickled(store: object) -> bytes:
    """The pickle that opens the store elsewhere; skips the test where there is none."""
    try:
        return pickle.dumps(store)
    except (lt.LongtakeError, pickle.PicklingError, TypeError, AttributeError) as error:
        skip(f"the store cannot be opened in other processes: {error}")


def opened_again(store: object) -> Any:
    """A second handle of the same store, by its pickle; skips the test where there is none."""
    return pickle.loads(pickled(store))


def closed(store: lt.BlobStore) -> None:
    """Close the store, if it can be closed."""
    if isinstance(store, lt.SupportsClose):
        store.close()
