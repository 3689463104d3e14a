"""What the contract commits to session stores, and how it looks at what they answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from attrs import evolve

import longtake as lt
from longtake.testing.blobs.samples import skip

__all__ = [
    "AnySessions",
    "attempt",
    "closed",
    "committed",
    "new_id",
    "new_session",
    "picture_of",
    "powerful",
    "segment",
    "state",
    "unstamped",
    "uses_of_an_id",
]


AnySessions: TypeAlias = Any
"""A store under test, which is also given what it has to refuse, and asked for its powers."""


def powerful(store: AnySessions, power: str) -> AnySessions:
    """The store itself; skips the test when it has not got the power of this name."""
    if not isinstance(store, getattr(lt, power)):
        skip(f"the store has not got `longtake.{power}`")
    return store


def new_id() -> str:
    """An id of no session yet."""
    return f"contract-{secrets.token_hex(8)}"


def attempt() -> str:
    """Names one attempt to commit."""
    return secrets.token_hex(16)


def state(number: object = 0, **more: object) -> lt.ContinuationState:
    """A state that knows its number."""
    return lt.ContinuationState("contract.v1", {"number": number, **more})


def segment(index: int, **fields: Any) -> lt.SessionSegment:
    """The segment of an index, of an attempt of its own, every field of it said."""
    said: dict[str, Any] = {
        "step": f"sha256:{index:064x}",
        "attempt": attempt(),
        "request": {"prompt": f"segment {index}", "seed": index},
        "state_digest": f"sha256:{index + 1:064x}",
        "media": (f"media-{index}",),
        "blob_ids": (f"state-blob-{index}", f"media-{index}"),
        "seconds": 1.0 + index / 3,
        "made_by": "worker 7",
        "versions": {"longtake": "1.2.3", "longtake-contract": "4"},
    }
    return lt.SessionSegment(index=index, **{**said, **fields})


def new_session(store: AnySessions, segments: int = 0, **fields: Any) -> str:
    """The id of a new session of so many segments."""
    session_id = new_id()
    store.create(session_id, **{"family": "contract", **fields})
    for index in range(segments):
        committed(store, session_id, index)
    return session_id


def committed(
    store: AnySessions, session_id: str, index: int, revision: int | None = None, **fields: Any
) -> lt.SessionSegment:
    """The segment of this index, after which the state has its number."""
    expected = index if revision is None else revision
    made: lt.SessionSegment = store.advance(
        session_id, expected, segment(index, **fields), state(index)
    )
    return made


def unstamped(segment: lt.SessionSegment) -> lt.SessionSegment:
    """The segment without the time of its commit, which is the store's."""
    return evolve(segment, committed=0.0)


def picture_of(store: AnySessions, session_id: str) -> tuple[object, ...]:
    """All that a store says of a session: equal pictures, nothing changed."""
    record, history = store.read(session_id), store.history(session_id)
    states = [store.state(session_id, each.index) for each in history]
    found = session_id in [each.id for each in store.list(labels=record.labels, limit=1000)]
    return record, history, states, found


def uses_of_an_id(store: AnySessions) -> Iterator[tuple[str, Callable[[Any], object]]]:
    """Every method of the store that needs a session, by name."""
    yield "read", store.read
    yield "advance", lambda i: store.advance(i, 0, segment(0), state())
    yield "history", store.history
    yield "state", lambda i: store.state(i, 0)
    if isinstance(store, lt.SupportsBranches):
        yield "fork", lambda i: store.fork(i, 0, new_id())
        yield "rewind", lambda i: store.rewind(i, 0, 0)
    if isinstance(store, lt.SupportsExpiry):
        yield "expire", lambda i: store.expire(i, 10.0)


def closed(store: AnySessions) -> None:
    """Close the store, if it can be closed."""
    if isinstance(store, lt.SupportsClose):
        store.close()
