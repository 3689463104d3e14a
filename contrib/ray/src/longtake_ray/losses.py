"""What a lost worker leaves in the session store."""

from __future__ import annotations

import secrets

import longtake as lt

__all__ = ["end_claim", "found_committed"]


def end_claim(sessions: lt.SessionStore, session_id: str, worker: str) -> None:
    """End the worker's claim on a step, so that nobody waits until it is over by itself."""
    if not isinstance(sessions, lt.SupportsClaims):
        return
    claim = sessions.begin(session_id, "lost", holder=secrets.token_hex(8), for_seconds=1.0)
    if claim.granted or claim.holder.startswith(f"{worker}#"):
        sessions.end(session_id, holder=claim.holder)


def found_committed(
    sessions: lt.SessionStore, order: lt.StepOrder, worker: str
) -> lt.OrderDone | None:
    """The end of the order, if the worker had committed its segment; None if it had not.

    The order says which revision it goes on from. Raises `longtake.SessionError`.
    """
    session = sessions.read(order.session_id)
    last = session.last
    if order.expected_revision is None or session.revision != order.expected_revision + 1:
        return None
    if last is None or last.made_by != worker:
        return None
    return lt.OrderDone(order_id=order.id, segment=last, revision=session.revision)
