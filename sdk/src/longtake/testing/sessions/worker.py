"""What the contract of session stores does in other processes.

Uses of a store, which `longtake.testing.blobs.worker.serve` calls.
"""

from __future__ import annotations

import os
import pickle
import random
import signal
import time
from hashlib import sha256
from typing import Any

import longtake as lt
from longtake.testing.sessions.samples import committed, segment, state

__all__ = ["advance_until_killed", "commit", "is_whole_state", "large_state", "race", "use_in_fork"]

_LARGE = 200_000
_LONGEST = 0.15
"""Seconds that a process commits before it is killed, at most."""


def commit(store: Any, session_id: str, index: int) -> lt.SessionSegment:
    """The segment that was committed."""
    return committed(store, session_id, index)


def race(store: Any, session_id: str, segments: int) -> list[str]:
    """Commit the next segment again and again until there are so many; the attempts that won."""
    won: list[str] = []
    while True:
        index = store.read(session_id).num_segments
        if index >= segments:
            return won
        mine = segment(index, made_by=f"process {os.getpid()}")
        try:
            store.advance(session_id, index, mine, state(index))
        except lt.Conflict:
            continue
        won.append(mine.attempt)


def use_in_fork(store: Any, session_id: str) -> tuple[int, int]:
    """The revisions that this process and one that it forks see after each has committed."""
    before = store.read(session_id).revision
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            committed(store, session_id, before)
            os.write(writing, pickle.dumps(store.read(session_id).revision))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    there = pickle.loads(answer) if answer else -1
    committed(store, session_id, before + 1)
    return there, store.read(session_id).revision


def large_state(index: int) -> lt.ContinuationState:
    """A state that is whole by itself: a text and its digest."""
    text = random.Random(index).randbytes(_LARGE // 2).hex()
    return state(index, text=text, digest=sha256(text.encode()).hexdigest())


def is_whole_state(found: lt.ContinuationState | None, index: int) -> bool:
    """Whether it is the `large_state` of this index."""
    return found is not None and found == large_state(index)


def advance_until_killed(store: Any, session_id: str, seed: int) -> list[str]:
    """The attempts whose `advance` returned in a process that was killed while it committed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _advance_for_ever(pickle.loads(pickle.dumps(store)), session_id, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        first = pipe.readline()
        time.sleep(random.Random(seed).uniform(0, _LONGEST))
        os.kill(child, signal.SIGKILL)
        rest = pipe.read()
    os.waitpid(child, 0)
    return (first + rest).decode().split()


def _advance_for_ever(store: Any, session_id: str, writing: int) -> None:
    """Each attempt is said in one write, which no kill can split."""
    index = store.read(session_id).num_segments
    while True:
        mine = segment(index)
        store.advance(session_id, index, mine, large_state(index))
        os.write(writing, f"{mine.attempt}\n".encode())
        index += 1
