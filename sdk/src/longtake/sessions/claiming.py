"""Claims on a step: whoever finds another at work on it waits, and nothing relies on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from longtake.errors import Cancelled, SessionError
from longtake.session_stores.protocol import SessionStore, SupportsClaims

__all__ = ["claimed"]

_POLL_SECONDS = 0.25
_RENEWALS = 3
"""In the time of a claim; one that is late costs another worker some work, and nothing else."""
_UNCERTAINTY = 0.1
"""Seconds by which two readings of the same claim may differ."""


@contextmanager
def claimed(
    sessions: SessionStore,
    session_id: str,
    step: str,
    *,
    holder: str,
    for_seconds: float,
    cancel: Callable[[], bool],
) -> Iterator[bool]:
    """Have the claim on the step, renewed until the block is left; True if that took waiting.

    Another's claim is waited for while it is renewed, and not longer than it says. Without it the
    block is entered all the same. Raises `Cancelled` while it waits.
    """
    if not isinstance(sessions, SupportsClaims):
        yield False
        return
    waited = _wait_for(sessions, session_id, step, holder, for_seconds, cancel)
    over = threading.Event()
    renewal = threading.Thread(
        target=_renew, args=(sessions, session_id, step, holder, for_seconds, over), daemon=True
    )
    renewal.start()
    try:
        yield waited
    finally:
        over.set()
        renewal.join()
        with suppress(SessionError):
            sessions.end(session_id, holder=holder)


def _wait_for(
    sessions: SupportsClaims,
    session_id: str,
    step: str,
    holder: str,
    for_seconds: float,
    cancel: Callable[[], bool],
) -> bool:
    waited, until = False, None
    while True:
        try:
            claim = sessions.begin(session_id, step, holder=holder, for_seconds=for_seconds)
        except SessionError:  # the commit will say what is wrong
            return waited
        now = time.monotonic()
        if claim.granted:
            return waited
        ends = now + claim.seconds_left
        if until is None or ends > until + _UNCERTAINTY:
            until = ends
        if now >= until:
            return waited
        waited = True
        if cancel():
            raise Cancelled("the segment was cancelled while it waited for another worker's")
        time.sleep(min(_POLL_SECONDS, max(until - now, 0.01)))


def _renew(
    sessions: SupportsClaims,
    session_id: str,
    step: str,
    holder: str,
    for_seconds: float,
    over: threading.Event,
) -> None:
    while not over.wait(for_seconds / _RENEWALS):
        with suppress(SessionError):
            sessions.begin(session_id, step, holder=holder, for_seconds=for_seconds)
