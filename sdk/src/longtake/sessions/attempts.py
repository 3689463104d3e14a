"""One attempt to commit something: its blobs are put, held and pinned, and let go if it fails.

The order that never leaves a committed segment without its blobs, whenever a process is killed: put
them with a lease, hold them in the session store, pin them for the hold's attempt, commit. What a
kill leaves behind is over by itself, and `sweep_sessions` takes it away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from longtake.blobs.leases import SupportsLeases
from longtake.blobs.payload import DEFAULT_MIME, BlobData
from longtake.blobs.protocol import BlobStore
from longtake.errors import (
    BlobError,
    BlobNotFound,
    HoldRevoked,
    LongtakeError,
    SessionError,
    SessionStoreUnavailable,
)
from longtake.session_stores.protocol import SessionStore, SupportsHolds
from longtake.session_stores.records import Hold, new_attempt

__all__ = [
    "LONGEST_UNHELD",
    "PATIENCE_SECONDS",
    "Attempt",
    "OwnBlobs",
    "Patience",
    "let_go",
    "may_be_pinned",
]

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""For how long a session store that is away is waited for, unless somebody says otherwise."""
LONGEST_UNHELD = 6 * 3600.0
"""Seconds that blobs without leases may wait for their hold, at most half the hold's time.

A sweep by listing takes no blob that is not more than twice as old.
"""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Patience:
    """How long a session store that is away is waited for, in all: ``seconds``."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self._seconds = seconds

    def call(self, what: Callable[[], T]) -> T:
        """What ``what`` returns; it is called again while the store is away.

        It must be something that does no harm twice. Raises the last `SessionStoreUnavailable`.
        """
        give_up, pause = time.monotonic() + self._seconds, _FIRST_PAUSE
        while True:
            try:
                return what()
            except SessionStoreUnavailable:
                if time.monotonic() + pause > give_up:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


class OwnBlobs:
    """A `BlobStore` whose blobs are ``store``'s, and which knows what was put through it.

    ``lease_seconds``: of all that is put, where the store has leases.
    """

    def __init__(self, store: BlobStore, lease_seconds: float) -> None:
        self.store = store
        self.ids: list[str] = []
        self._lease_seconds = lease_seconds

    def put(self, data: BlobData, *, mime: str = DEFAULT_MIME) -> str:
        """As of the store, with a lease where it has any."""
        if isinstance(self.store, SupportsLeases):
            blob_id = self.store.put(data, mime=mime, lease_seconds=self._lease_seconds)
        else:
            blob_id = self.store.put(data, mime=mime)
        self.ids.append(blob_id)
        return blob_id

    def get(self, blob_id: str) -> bytes | memoryview:
        """As of the store."""
        return self.store.get(blob_id)

    def drop(self, blob_id: str) -> None:
        """As of the store."""
        self.store.drop(blob_id)
        with suppress(ValueError):
            self.ids.remove(blob_id)

    def __contains__(self, blob_id: object) -> bool:
        """As of the store."""
        return blob_id in self.store


class Attempt:
    """Holds and pins blobs for one commit. ``id`` names it once `take` has returned.

    ``own``: the blobs that were put for it; None without a store.
    """

    def __init__(
        self,
        sessions: SessionStore,
        own: OwnBlobs | None,
        *,
        hold_seconds: float,
        patience: Patience,
    ) -> None:
        self.id = new_attempt()
        self.hold: Hold | None = None
        self._sessions = sessions
        self._own = own
        self._hold_seconds = hold_seconds
        self._patience = patience
        self._blob_ids: tuple[str, ...] = ()
        self._begun = time.monotonic()

    def take(self, blob_ids: Sequence[str]) -> None:
        """Hold the blobs, and pin them where the store has pins.

        Raises `HoldRevoked` when they may be swept already, because putting them took too long.
        """
        if not blob_ids or self._own is None:
            return
        store = self._own.store
        if isinstance(self._sessions, SupportsHolds):
            self._held(self._sessions, blob_ids)
        self._blob_ids = tuple(blob_ids)
        if isinstance(store, SupportsLeases):
            try:
                store.pin(blob_ids, self.id)
            except BlobNotFound as error:
                raise HoldRevoked(f"{error}: swept before it was held") from error
        elif time.monotonic() - self._begun > min(self._hold_seconds / 2, LONGEST_UNHELD):
            raise HoldRevoked("the blobs took too long to be put, and may be swept by now")

    def commit(self, what: Callable[[], T]) -> T:
        """What ``what`` returns, which commits the attempt; asked again while the store is away.

        Refused when it was asked once, nothing was committed, and nothing of the attempt is left.
        Else that is not known for certain, and only the store's own time may take the blobs away.
        """
        asked = 0

        def once_more() -> T:
            nonlocal asked
            asked += 1
            return what()

        try:
            return self._patience.call(once_more)
        except LongtakeError as error:
            if asked == 1 and not isinstance(error, SessionStoreUnavailable):
                self.abandon()
            raise

    def abandon(self) -> None:
        """Leave nothing of the attempt, which is known not to be committed.

        A store that fails meanwhile keeps something until it is swept.
        """
        with suppress(BlobError):
            if self._own is not None:
                if isinstance(self._own.store, SupportsLeases):
                    self._own.store.unpin(self._blob_ids, self.id)
                for blob_id in tuple(self._own.ids):
                    self._own.drop(blob_id)
        with suppress(SessionError):
            if self.hold is not None and isinstance(self._sessions, SupportsHolds):
                self._sessions.forget_hold(self.hold)

    def _held(self, sessions: SupportsHolds, blob_ids: Sequence[str]) -> None:
        def once_more() -> Hold:
            # Another name each time: a hold whose answer was lost ends with pins that are not ours.
            self.id = new_attempt()
            return sessions.hold(blob_ids, for_seconds=self._hold_seconds, attempt=self.id)

        self.hold = self._patience.call(once_more)


def let_go(blobs: BlobStore, hold: Hold, still_held: Callable[[], Iterable[str]]) -> int:
    """Let the blobs of a revoked hold go; how many were dropped at once.

    ``still_held``: the ids that others need, asked for where the store has no pins to tell; twice,
    for a fork may be committed while the answer is put together.
    """
    if isinstance(blobs, SupportsLeases):
        blobs.unpin(hold.blob_ids, hold.attempt)
        return 0
    needed = {*still_held(), *still_held()}
    unneeded = [blob_id for blob_id in hold.blob_ids if blob_id not in needed]
    for blob_id in unneeded:
        blobs.drop(blob_id)
    return len(unneeded)


def may_be_pinned(blobs: BlobStore, hold: Hold) -> bool:
    """Whether a writer that was paused may still pin the hold's blobs: not when it had committed.

    What a rewind or a deletion let go has been over from the first, so it never had a time.
    """
    return isinstance(blobs, SupportsLeases) and hold.until > 0
