"""A worker that commits segments beside others: ``python session_workers.py URL ID TOTAL NAME``.

It prints the attempts that it committed, one a line, when the session has ``TOTAL`` segments.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import longtake as lt

__all__ = ["advance_until", "next_segment"]


def next_segment(index: int, name: str) -> lt.SessionSegment:
    """A segment that only ``name`` makes."""
    return lt.SessionSegment(index=index, step=f"step {index}", attempt=f"{name}-{index}")


def advance_until(
    store: Any, session_id: str, total: int, name: str, *, patience: float = 30.0
) -> list[str]:
    """Commit until there are ``total`` segments; the attempts that won, in order.

    An attempt whose outcome is not known is made again, until it is known.
    """
    won: list[str] = []
    while True:
        record = _patiently(patience, store.read, session_id)
        if record.num_segments >= total:
            return won
        segment = next_segment(record.num_segments, name)
        told = (session_id, record.revision, segment, None)
        try:
            committed = _patiently(patience, store.advance, *told)
        except lt.Conflict:
            continue
        assert committed.attempt == segment.attempt
        won.append(segment.attempt)


def _patiently(patience: float, use: Callable[..., Any], *told: Any) -> Any:
    deadline = time.monotonic() + patience
    while True:
        try:
            return use(*told)
        except lt.SessionStoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def main() -> None:
    url, session_id, total, name = sys.argv[1:]
    store = lt.open_session_store(url)
    sys.stdout.write("\n".join(advance_until(store, session_id, int(total), name)))


if __name__ == "__main__":
    main()
