"""Two processes in turns, a slice of time each: what a machine does meanwhile meets both."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Self

from attrs import define, frozen

from benchmarks.harness.pairs import Pairs, Use

_SLICE = 0.5
"""Seconds: caches are cold for a thousandth of it, and a machine's speed changes more slowly."""


@frozen
class Sliced:
    """What pairs of processes took: seconds while they ran, and seconds of CPU."""

    wall: Pairs
    cpu: Pairs


def sliced(ours: Use, other: Use, *, pairs: int) -> Sliced:
    """Run both uses side by side ``pairs`` times, each in a process that is forked for it.

    One rests while the other runs; who begins changes with every pair. Raises `SystemExit` where a
    process fails, and lets none live on.
    """
    taken = [_one_pair(ours, other, ours_first=bool(index % 2)) for index in range(pairs)]
    return Sliced(Pairs([wall for wall, _ in taken]), Pairs([cpu for _, cpu in taken]))


Seconds = tuple[float, float]


def _one_pair(ours: Use, other: Use, *, ours_first: bool) -> tuple[Seconds, Seconds]:
    """Seconds while ours and the other ran, and their seconds of CPU."""
    with _Resting.begun(ours) as mine, _Resting.begun(other) as theirs:
        turns = [mine, theirs] if ours_first else [theirs, mine]
        while turns:
            turns = [each for each in turns if not each.ends_within(_SLICE)]
        return (mine.wall, theirs.wall), (mine.cpu, theirs.cpu)


@define
class _Resting:
    """A process that runs only while it is waited for. ``told``: at last its seconds of CPU."""

    process: BaseProcess
    told: Connection
    wall: float = 0.0
    cpu: float = 0.0

    @classmethod
    @contextmanager
    def begun(cls, use: Use) -> Iterator[Self]:
        """It, which rests before it does anything; killed where it is left before its end."""
        here, there = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=_used, args=(use, there))
        process.start()
        assert process.pid is not None
        try:
            os.waitpid(process.pid, os.WUNTRACED)  # until it rests
            yield cls(process, here)
        finally:
            process.kill()
            process.join()

    def ends_within(self, seconds: float) -> bool:
        """Let it run that long, or to its end, and say whether it is over."""
        pid = self.process.pid
        assert pid is not None
        start = time.perf_counter()
        os.kill(pid, signal.SIGCONT)
        over = bool(wait([self.process.sentinel], seconds))
        if not over:
            os.kill(pid, signal.SIGSTOP)
        self.wall += time.perf_counter() - start
        if over:
            self.process.join()
            if self.process.exitcode:
                raise SystemExit(self.process.exitcode)
            self.cpu = self.told.recv()
        return over


def _used(use: Use, told: Connection) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    use()
    told.send(time.process_time())
