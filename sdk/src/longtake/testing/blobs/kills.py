"""The contract: a process that is killed in put tears nothing and loses nothing."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from typing import IO

import pytest
from attrs import Factory, frozen

from longtake.testing.blobs import worker
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.processes import OtherProcess
from longtake.testing.blobs.raw import RawBlobs, names_in
from longtake.testing.blobs.samples import AnyStore, closed, content_of, is_whole, opened_again

__all__ = ["KillsContract"]

_SHORTEST, _LONGEST = 0.02, 3.0
"""Seconds until a kill, at random below the larger of the first and a few puts' time."""


@frozen
class Killed:
    """What the killed processes had said: ids of blobs that were begun, and of those put."""

    begun: set[str] = Factory(set)
    put: set[str] = Factory(set)


class KillsContract(BlobStoreFixtures):
    """A fresh process puts blobs; it gets SIGKILL at a random time, ``kills`` times.

    ``pytest --longtake-kills N`` kills more, to find what goes wrong once in a while.
    """

    @pytest.fixture
    def killed(self, store: AnyStore, pytestconfig: pytest.Config) -> Killed:
        """What is said to have been put, after all kills."""
        asked: int | None = pytestconfig.getoption("--longtake-kills")
        process = OtherProcess(store)
        said = Killed()
        chance = random.Random(5)
        try:
            for seed in range(self.kills if asked is None else asked):
                process.begin(worker.put_until_killed, seed)
                _kill(process.answers, said, chance)
        except AssertionError as error:
            pytest.fail(f"{error}\n{process.told()}")
        finally:
            process.end()
        return said

    def test_a_kill_loses_no_blob_that_put_had_returned(
        self, killed: Killed, another: AnyStore
    ) -> None:
        assert killed.put, "no process put anything"
        lost = [blob_id for blob_id in killed.put if content_of(another, blob_id) is None]
        assert lost == [], f"{len(lost)} of {len(killed.put)} are gone"

    def test_a_kill_tears_no_blob(self, killed: Killed, another: AnyStore, raw: RawBlobs) -> None:
        for name in killed.begun | killed.put | (raw.names() or set()):
            content = content_of(another, name)
            assert content is None or is_whole(content)

    def test_a_kill_leaves_nothing_but_whole_blobs(
        self, killed: Killed, store: AnyStore, raw: RawBlobs, sweep: Callable[[], object]
    ) -> None:
        names_in(raw)
        sweep()
        handle = opened_again(store)
        litter = [name for name in names_in(raw) if name not in handle]
        closed(handle)
        assert litter == []


def _kill(lines: IO[bytes], said: Killed, chance: random.Random) -> None:
    """Kill the process whose lines these are in its second put or one of the next."""
    word, pid = _next(lines)
    assert word == "ready", "the other process could not open the store"
    started = time.monotonic()
    _listen(lines, said, until="put")
    longest = min(max(_SHORTEST, 3 * (time.monotonic() - started)), _LONGEST)
    time.sleep(chance.uniform(0, longest))
    os.kill(int(pid), signal.SIGKILL)
    _listen(lines, said, until="ended")


def _listen(lines: IO[bytes], said: Killed, until: str) -> None:
    word = ""
    while word != until:
        word, *rest = _next(lines)
        assert word in {"begin", "put", until}, "the other process failed"
        if word == "begin":
            said.begun.update(rest)
        elif word == "put":
            said.put.update(rest)


def _next(lines: IO[bytes]) -> list[str]:
    line = lines.readline().decode()
    assert line, "the other process has ended"
    return line.split()
