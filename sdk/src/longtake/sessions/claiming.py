"""Claims on a step: whoever finds another at work on it waits, and nothing relies on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from attrs import define, evolve, frozen

from longtake.errors import Cancelled, SessionError
from longtake.session_stores.protocol import SessionStore, SupportsClaims
from longtake.session_stores.records import Claim

__all__ = ["CLAIM_SECONDS", "LONGEST_WAIT", "HeldClaim", "claimed"]

CLAIM_SECONDS = 60.0
"""For how long a claim is made, unless somebody says otherwise."""
LONGEST_WAIT = 900.0
"""Seconds that another's claim is waited for, unless somebody says otherwise."""
_POLL_SECONDS = 0.25
_RENEWALS = 3
"""In the time of a claim; one that is late costs another worker some work, and nothing else."""
_UNCERTAINTY = 0.1
"""Seconds by which two readings of the same claim may differ."""


class HeldClaim:
    """A claim on a step that is had, and renewed, until the block of `claimed` is left.

    ``waited``: whether that took waiting for another's.
    """

    def __init__(self, wish: _Wish | None, *, waited: bool) -> None:
        self.waited = waited
        self._wish = wish
        self._is_lost = False
        self._turn = threading.Lock()  # or an older step could be claimed behind a newer one

    def go_on(self, step: str) -> None:
        """Claim the next step of the session in the place of this one.

        It is not waited for: whoever has it by now keeps it.
        """
        if self._wish is not None:
            with self._turn:
                self._wish = evolve(self._wish, step=step)
                self._claim(self._wish)

    def renew(self) -> None:
        """Have it for longer, unless somebody has waited long enough and taken it over."""
        if self._wish is not None:
            with self._turn:
                if not self._is_lost:
                    self._claim(self._wish)

    def _claim(self, wish: _Wish) -> None:
        with suppress(SessionError):
            self._is_lost = not wish.begin().granted


@contextmanager
def claimed(
    sessions: SessionStore,
    session_id: str,
    step: str,
    *,
    holder: str,
    for_seconds: float,
    wait_seconds: float,
    cancel: Callable[[], bool],
) -> Iterator[HeldClaim]:
    """Have the claim on the step, renewed until the block is left.

    Another's claim is waited for while it is renewed, not longer than it says, and at most
    ``wait_seconds``: then it is taken over, for a worker that hangs may renew it for ever. Whoever
    finds that its claim was taken over renews it no more. When a claim on another step comes in its
    place, the session may have gone on: the block is entered, to see. So it is when the store
    fails. Raises `Cancelled` while it waits.
    """
    if not isinstance(sessions, SupportsClaims):
        yield HeldClaim(None, waited=False)
        return
    wish = _Wish(sessions, session_id, step, holder, for_seconds)
    claim = HeldClaim(wish, waited=_wait_for(wish, wait_seconds, cancel))
    over = threading.Event()
    renewal = threading.Thread(target=_renew, args=(claim, for_seconds, over), daemon=True)
    renewal.start()
    try:
        yield claim
    finally:
        over.set()
        renewal.join()
        with suppress(SessionError):
            sessions.end(session_id, holder=holder)


@frozen
class _Wish:
    """The claim that is wanted."""

    sessions: SupportsClaims
    session_id: str
    step: str
    holder: str
    for_seconds: float

    def begin(self) -> Claim:
        return self.sessions.begin(
            self.session_id, self.step, holder=self.holder, for_seconds=self.for_seconds
        )


@define
class _Others:
    """Another's claim that is waited for. ``ends``: by its last word; ``patience``: ours is over.

    Both are readings of the monotonic clock.
    """

    claim: Claim
    patience: float
    ends: float
    taken_over: bool = False

    def renewed(self, ends: float) -> None:
        if ends > self.ends + _UNCERTAINTY:
            self.ends = ends


def _wait_for(wish: _Wish, wait_seconds: float, cancel: Callable[[], bool]) -> bool:
    others: _Others | None = None
    while True:
        try:
            claim = wish.begin()
        except SessionError:  # the commit will say what is wrong
            return others is not None
        if claim.granted:
            return others is not None
        now = time.monotonic()
        ends = now + claim.seconds_left
        if others is not None and claim.step != others.claim.step:
            return True
        if others is None or claim.holder != others.claim.holder:
            others = _Others(claim, now + wait_seconds, ends)
        others.renewed(ends)
        if now >= others.ends or others.taken_over:
            return True
        if now >= others.patience:
            others.taken_over = True
            with suppress(SessionError):
                wish.sessions.end(wish.session_id, holder=claim.holder)
            continue
        if cancel():
            raise Cancelled("the segment was cancelled while it waited for another worker's")
        time.sleep(min(_POLL_SECONDS, max(min(others.ends, others.patience) - now, 0.01)))


def _renew(claim: HeldClaim, for_seconds: float, over: threading.Event) -> None:
    while not over.wait(for_seconds / _RENEWALS):
        claim.renew()
