"""Under which keys of the session store a server's book lies, and how its rows are written.

=============================  ====================================================================
``serve/meta/TAKE``            the take's queue and counters: what compare-and-set compares
``serve/open/TAKE``            that there is something to do for the take; empty
``serve/work/TAKE/NUMBER``     one piece of work
``serve/request/TAKE/NUMBER``  its request, until it has ended
``serve/key/TAKE/DIGEST``      which work a client's idempotency key made
``serve/event/TAKE/ID``        one event
=============================  ====================================================================
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeVar

from attrs import field, frozen

import longtake as lt
from longtake_serve.takes.views import TakeJob, WorkError, WorkStatus

__all__ = [
    "OPEN",
    "TakeRow",
    "WorkRow",
    "decode",
    "decode_document",
    "digest_of",
    "encode",
    "event_key",
    "key_key",
    "meta_key",
    "of_take",
    "open_key",
    "request_key",
    "work_key",
]

T = TypeVar("T")

_FORMAT = 1
"""Of all rows. Another one is written only by a release that says how it reads this one."""

OPEN: frozenset[WorkStatus] = frozenset({"queued", "running", "cancelling"})
"""What a piece of work is while it has not ended."""

_KINDS = ("work", "request", "key", "event")


@frozen(kw_only=True)
class TakeRow:
    """What is known of a take beside its session.

    - ``version``: one more with every change. ``tenant``: whose it is.
    - ``queue``: numbers of the open work in order; the first is a dispatcher's.
    - ``next_work``, ``next_event``: the numbers that come next.
    - ``finished``: nothing is added any more. ``deleted``: it is being deleted.
    - ``error``: of the work that ended last.
    - ``job``: of a take whose requests were all asked at once: where one of them makes no segment,
      those behind it are not rolled.
    """

    version: int = 0
    tenant: str
    queue: tuple[int, ...] = ()
    next_work: int = 1
    next_event: int = 1
    finished: bool = False
    deleted: bool = False
    error: WorkError | None = None
    job: TakeJob | None = None


@frozen(kw_only=True)
class WorkRow:
    """A piece of work, open or ended.

    - ``key``: the client's idempotency key. ``request_digest``: of the request as it was asked for.
    - ``revision``: of the session that its segment is rolled from, once it is first in the queue.
      It never changes then, so that what a crash leaves open is rolled once.
    - ``started``, ``ended``: when a worker last began it, and when it had ended; since 1970.
    - ``traceparent``: of the client's trace that asked for it.
    """

    number: int
    status: WorkStatus = "queued"
    prompt: str = field(repr=False)
    created: float
    started: float | None = None
    ended: float | None = None
    key: str | None = None
    request_digest: str
    revision: int | None = None
    traceparent: str | None = None
    segment: int | None = None
    error: WorkError | None = None


def encode(value: object) -> bytes:
    """The row of an attrs value or a plain document: JSON, the same bytes for the same value."""
    return _json({"format": _FORMAT, "value": lt.unstructure(value)})


def decode(row: bytes, cls: type[T], what: str) -> T:
    """The value of a row. Raises `longtake.SessionError`, which says ``what``, if it is damaged."""
    try:
        return lt.structure(decode_document(row, what), cls)
    except lt.ValidationError as error:
        raise lt.SessionError(f"{what} is damaged in its store: {error}") from error


def decode_document(row: bytes, what: str) -> Any:
    """The plain document of a row. Raises as `decode`."""
    try:
        document = json.loads(row)
        written, value = document["format"], document["value"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise lt.SessionError(f"{what} is damaged in its store") from None
    if written != _FORMAT:
        raise lt.SessionError(
            f"{what} was written by another release (format {written}); this one reads {_FORMAT}"
        )
    return value


def digest_of(document: object) -> str:
    """SHA-256 of a plain document, 64 hexadecimal characters."""
    return hashlib.sha256(_json(document)).hexdigest()


def meta_key(take: str) -> str:
    """Of a `TakeRow`."""
    return f"serve/meta/{take}"


def open_key(take: str) -> str:
    """Of an empty row."""
    return f"serve/open/{take}"


def work_key(take: str, number: int) -> str:
    """Of a `WorkRow`; in order of their numbers."""
    return f"serve/work/{take}/{number:010d}"


def request_key(take: str, number: int) -> str:
    """Of the plain document of a request."""
    return f"serve/request/{take}/{number:010d}"


def key_key(take: str, key: str) -> str:
    """Of the number of the work that a client's ``key`` made."""
    return f"serve/key/{take}/{hashlib.sha256(key.encode()).hexdigest()}"


def event_key(take: str, number: int) -> str:
    """Of a `TakeEvent`; in order of their ids."""
    return f"serve/event/{take}/{number:010d}"


def of_take(take: str) -> list[str]:
    """Beginnings of the keys of a take's rows, but for the first two."""
    return [f"serve/{kind}/{take}/" for kind in _KINDS]


def _json(document: object) -> bytes:
    """Raises `longtake.ValidationError` for what JSON has no way to say."""
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise lt.ValidationError("", f"what is to be kept is not plain JSON: {error}") from None
    return text.encode()
