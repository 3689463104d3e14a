"""The one thread in which a pipeline's segments are made, whoever asks for them and keeps them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["MakingThread"]

T = TypeVar("T")


class MakingThread:
    """Does what other threads give it in a thread of its own, one thing after another.

    On a CPU, torch has a pool of helpers for each thread that has computed and lives, and once all
    pools together have more threads than there are cores it sleeps in each operation. So segments
    that several threads keep in turns are made in one. It begins with the first thing that it is
    given, and is over when it is closed or nobody has it any more; it does not keep the process.
    """

    def __init__(self) -> None:
        self._given: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()

    def begin(self, what: Callable[[], T]) -> Future[T]:
        """Have it done in the caller's context, behind what was given before; what will come."""
        done: Future[T] = Future()
        with self._beginning:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=_do_each, args=(self._given,), name="longtake-making", daemon=True
                )
                self._thread.start()
                weakref.finalize(self, self._given.put, None)
        self._given.put(partial(copy_context().run, _do, what, done))
        return done

    def do(self, what: Callable[[], T]) -> T:
        """What came of it, which is waited for. Raises what it raised."""
        if threading.current_thread() is self._thread:
            return what()
        return self.begin(what).result()

    def close(self, *, waits: bool = True) -> None:
        """End the thread behind what it was given. ``waits``: until it is over."""
        with self._beginning:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._given.put(None)
            if waits:
                thread.join()


def _do_each(given: SimpleQueue[Callable[[], None] | None]) -> None:
    while (what := given.get()) is not None:
        what()
        del what  # or what it made would be there until the next thing comes


def _do(what: Callable[[], T], done: Future[T]) -> None:
    try:
        done.set_result(what())
    except BaseException as error:  # is raised where it is waited for
        done.set_exception(error)
    finally:
        del done  # or the error and this frame would keep each other alive
