"""Kills at any moment of `longtake.roll`, and races: tests for any session store."""

from __future__ import annotations

import os
import random
import signal
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import longtake as lt
from tests.sdk.sessions.killing import (
    HOUR,
    LEASE_SECONDS,
    Deadly,
    Folder,
    in_child,
    prompt_of,
    say,
    truth,
)
from tests.sdk.sessions.rooms import asked
from tests.sdk.toy_family import FOG

__all__ = ["NewFolder", "RollFaults", "check_goes_on"]

NUM_KILLS = 20

NewFolder = Callable[[int], Folder]
"""Makes a session of so many segments."""


class RollFaults:
    """Of processes that share a session store."""

    @pytest.fixture
    @abstractmethod
    def new_folder(self) -> NewFolder:
        """Each time in a store of its own."""

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_kill_at_any_boundary_leaves_the_old_or_the_new_segment(
        self, new_folder: NewFolder, when: str
    ) -> None:
        """Of what `roll` asks of the two stores, until a process lives through all of it."""
        expected, committed, nth = truth(2), 0, 0
        while True:
            folder = new_folder(1)
            deadly = Deadly(nth, when)
            child = in_child(
                partial(folder.roll, deadly, expected_revision=1, lease_seconds=LEASE_SECONDS)
            )
            status = os.waitpid(child, 0)[1]
            if os.WIFEXITED(status):
                assert os.WEXITSTATUS(status) == 0
                break
            assert os.WTERMSIG(status) == signal.SIGKILL
            committed += check_goes_on(folder, expected)
            nth += 1
        assert nth > 10
        assert 0 < committed < nth
        say(f"{nth} kills right {when} each use of a store, {committed} with the segment committed")

    def test_a_kill_at_any_moment_leaves_the_old_or_the_new_segment(
        self, new_folder: NewFolder, pytestconfig: pytest.Config
    ) -> None:
        expected, moments, outcomes = truth(2), random.Random(12), Counter[str]()
        timed = new_folder(1)
        start = time.monotonic()
        os.waitpid(in_child(partial(timed.roll, expected_revision=1)), 0)
        longest = 1.2 * (time.monotonic() - start)
        asked_for: int | None = pytestconfig.getoption("--longtake-kills")
        num_kills = NUM_KILLS if asked_for is None else asked_for
        while outcomes["old"] + outcomes["new"] < num_kills:
            folder = new_folder(1)
            child = in_child(partial(folder.roll, expected_revision=1, lease_seconds=LEASE_SECONDS))
            time.sleep(moments.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
            killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
            committed = check_goes_on(folder, expected)
            assert killed or committed
            outcomes[("new" if committed else "old") if killed else "ended before"] += 1
            longest *= 1.02 if killed else 0.9  # so that machines of any speed are killed at work
        say(f"kills at random moments: {dict(outcomes)}")

    @pytest.mark.parametrize("claim_seconds", [0.02, 60.0])
    @pytest.mark.parametrize("num_workers", [2, 8])
    def test_each_segment_is_committed_once_by_one_of_those_who_race(
        self,
        new_folder: NewFolder,
        tmp_path: Path,
        num_workers: int,
        claim_seconds: float,
        pytestconfig: pytest.Config,
    ) -> None:
        """The others get the winner's; with short claims most do the work in vain."""
        total: int = pytestconfig.getoption("--raced")
        folder = new_folder(0)
        logs = [tmp_path / f"won-{index}" for index in range(num_workers)]
        workers = [in_child(partial(race, folder, total, claim_seconds, each)) for each in logs]
        assert [os.waitpid(each, 0)[1] for each in workers] == [0] * num_workers
        won = [log.read_text().split() for log in logs]
        sessions, _ = folder.opened()
        attempts = [each.attempt for each in sessions.history("s")]
        sessions.close()
        assert sorted(attempt for some in won for attempt in some) == sorted(attempts)
        assert folder.check_whole() == total
        assert folder.digests() == truth(total)
        folder.check_swept()
        say(f"{num_workers} workers, {total} segments: {[len(some) for some in won]} each")


def check_goes_on(folder: Folder, expected: list[tuple[str, str | None]]) -> bool:
    """Whether the killed process had committed; either way all goes on as if it had not died."""
    num_segments = folder.check_whole()
    assert num_segments in (1, 2)
    again = folder.roll(expected_revision=1, ahead=HOUR)
    assert again.is_new is (num_segments == 1)
    assert folder.check_whole() == 2
    assert folder.digests() == expected
    folder.check_swept()
    assert folder.check_whole() == 2
    return num_segments == 2


def race(folder: Folder, total: int, claim_seconds: float, log: Path) -> None:
    """Roll until there are ``total`` segments; the attempts that this process committed."""
    sessions, blobs = folder.opened()
    won: list[str] = []
    with lt.Pipeline(FOG) as pipeline:
        while (session := sessions.read("s")).num_segments < total:
            request = asked(prompt_of(session.num_segments))
            rolled = lt.roll(
                sessions,
                "s",
                request,
                pipeline=pipeline,
                blobs=blobs,
                expected_revision=session.revision,
                claim_seconds=claim_seconds,
            )
            assert rolled.segment.index == session.num_segments
            won += [rolled.segment.attempt] * rolled.is_new
    log.write_text(" ".join(won))
