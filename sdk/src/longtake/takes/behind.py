"""Keeping what is finished while the next is made: one thread, behind whoever makes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from types import TracebackType
from typing import Self

__all__ = ["Behind"]

_LEAST_FREE = 0.5
"""Cores. Threads that compute in step all wait for the one whose core is taken away, so with less
than this, a thing beside them takes its time from all of them; alone it has all cores."""


class Behind:
    """Does one thing at a time in a thread of its own, in the order in which it is given them.

    A context manager: when its block is left, the last thing is done, however the block is left.
    What was raised by a thing that is done is raised by the next `begin` or `settle`, once.

    ``cores``: that the process may use; by default what the system says.
    """

    def __init__(self, *, cores: float | None = None) -> None:
        self._cores = _usable_cores() if cores is None else cores
        self._is_crowded = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="longtake-keeping")
        self._doing: Future[None] | None = None

    @property
    def failed(self) -> bool:
        """Whether what was given last has raised something that nobody was told yet."""
        doing = self._doing
        return doing is not None and doing.done() and doing.exception() is not None

    @property
    def is_done(self) -> bool:
        """Whether nothing is being done."""
        return self._doing is None or self._doing.done()

    @contextmanager
    def making(self) -> Iterator[None]:
        """While the caller makes something: it is seen how many cores that leaves free.

        Nothing is learned while something is being done, which uses some, too.
        """
        alone, used, start = self.is_done, time.process_time(), time.perf_counter()
        yield
        if alone:
            cores = (time.process_time() - used) / (time.perf_counter() - start)
            self._is_crowded = self._cores - cores < _LEAST_FREE

    def begin(self, what: Callable[[], None]) -> None:
        """Do ``what`` behind the caller, who waits here until the thing before it is done.

        So there is at most one that is not done. Where `making` left no core free, ``what`` is done
        when this returns. Raises what the thing before it raised.
        """
        self.settle()
        self._doing = self._thread.submit(copy_context().run, what)
        if self._is_crowded:
            _wait_for(self._doing)

    def settle(self) -> None:
        """Wait until all is done. Raises what it raised.

        `KeyboardInterrupt` is raised only then, for half of a thing must not be left to others.
        """
        doing, self._doing = self._doing, None
        if doing is not None:
            _wait_for(doing)
            doing.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.settle()
        finally:
            self._thread.shutdown()


def _wait_for(doing: Future[None]) -> None:
    """Wait until it is done, whatever it raises; a `KeyboardInterrupt` is raised only then."""
    interrupt = None
    while not doing.done():
        try:
            wait([doing])
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt from doing.exception()


def _usable_cores() -> int:
    """Those that the process may run on, as far as the system tells."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
