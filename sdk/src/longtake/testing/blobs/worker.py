"""What the contract does in other processes: a fresh interpreter runs `serve`.

It is single-threaded and has opened no store, so it may fork at any time.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from longtake.testing.blobs.samples import noise, of_its_own, sealed_noise
from longtake.testing.blobs.watched_store import watched_records

__all__ = ["digest", "put_and_fork", "put_many", "put_noise", "serve"]

WRITER_SIZES = (10, 100_000, 3_000_000)
PIECE = 65_536

_TOLD = 4000
"""Characters of a traceback that are told: they fit into a pipe that nobody reads yet."""


def serve() -> None:
    """Answer pickled requests from standard input on standard output until it ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what others print is no answer
    while True:
        try:
            use, store, arguments = pickle.load(requests)
        except EOFError:
            return
        if use is put_until_killed:
            _in_a_child(put_until_killed, answers, store, *arguments)
            answer = b"ended\n"
        else:
            answer = pickle.dumps(use(pickle.loads(store), *arguments))
        answers.write(answer)
        answers.flush()


def _in_a_child(use: Callable[..., None], *arguments: object) -> None:
    child = os.fork()
    if child == 0:
        try:
            use(*arguments)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            raise
        finally:
            os._exit(1)
    os.waitpid(child, 0)


def put_noise(store: Any, size: int, seed: int) -> str:
    """The id under which `noise` was put."""
    return str(store.put(noise(size, seed)))


def put_many(store: Any, count: int) -> list[str]:
    """The ids of so many blobs."""
    return [store.put(of_its_own()) for _ in range(count)]


def digest(store: Any, blob_id: str) -> str:
    """The SHA-256 of what the store gives under ``blob_id``."""
    return hashlib.sha256(store.get(blob_id)).hexdigest()


def put_and_fork(store: Any, size: int) -> tuple[str, str, str | None, str]:
    """The ids of what was put before a fork, after it, and in the process that it made.

    The third is None when that process failed or could not read what was put before; the last then
    says why. Before the fork `noise` of seed 1 is put, afterwards of seed 2.
    """
    first = store.put(noise(size, 1))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, pickle.dumps(_after_fork(store, first, size)))
        except BaseException:
            os.write(writing, pickle.dumps((None, traceback.format_exc()[-_TOLD:])))
            raise
        finally:
            os._exit(0)
    os.close(writing)
    second = store.put(noise(size, 2))
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    third, problem = pickle.loads(answer) if answer else (None, "it ended without a word")
    return first, second, third, problem


def _after_fork(store: Any, first: str, size: int) -> tuple[str | None, str]:
    """The id of what a forked process puts, or what is wrong with what it read."""
    if bytes(store.get(first)) != noise(size, 1):
        return None, "it read other bytes than were put before"
    return store.put(noise(size, 2)), ""


def put_until_killed(answers: Any, store: bytes, seed: int) -> None:
    """Put one blob after the other, and say so, each time in one write that no kill can split.

    "ready PID", then for each blob "begin ID" where the id is known before, and "put ID"; the blobs
    are `sealed_noise`.
    """

    def say(*words: object) -> None:
        os.write(answers.fileno(), (" ".join(map(str, words)) + "\n").encode())

    def begin(method: str, key: str, *_: object) -> None:
        if method == "write":
            say("begin", key)

    opened = pickle.loads(store)
    writer: Any = watched_records(opened, begin) or opened
    chance = random.Random(seed)
    say("ready", os.getpid())
    while True:
        data = sealed_noise(chance, chance.choice(WRITER_SIZES))
        blob_id = writer.put(data if chance.random() < 0.5 else _in_pieces(data))
        say("put", blob_id)


def _in_pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]
