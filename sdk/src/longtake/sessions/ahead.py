"""The segment after one that is being kept: its request is asked for, and it is made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from longtake.requests.request import GenerationRequest
from longtake.runs.results import GenerationResult
from longtake.sessions.making_thread import MakingThread

__all__ = ["SegmentAhead"]


class SegmentAhead:
    """A segment that ``thread`` makes while the one before it is kept.

    ``request``: asks for the request; None when there is none. ``make``: makes the segment, and is
    given what ``cancel`` says, or that it is to `stop`. It is not made when its request comes after
    `in_time`: nobody has claimed it then.
    """

    def __init__(
        self,
        request: Callable[[], GenerationRequest | None],
        make: Callable[[GenerationRequest, Callable[[], bool]], GenerationResult],
        cancel: Callable[[], bool],
        thread: MakingThread,
    ) -> None:
        self._ask, self._make, self._cancel = request, make, cancel
        self._thread = thread
        self._asked: Future[GenerationRequest | None] = Future()
        self._made: Future[GenerationResult] = Future()
        self._gate = threading.Lock()
        self._is_late = False
        self._stopped = threading.Event()
        self._working: Future[None] | None = None

    @property
    def is_asking(self) -> bool:
        """Whether its request is still asked for, which may be so for ever."""
        return self._working is not None and not self._asked.done()

    def begin(self) -> None:
        """Ask for the request; the pipeline is free for it."""
        self._working = self._thread.begin(self._work)

    def in_time(self) -> GenerationRequest | None:
        """Its request if it is being made; None if it will not be."""
        with self._gate:
            self._is_late = True
            is_there = self._asked.done() and self._asked.exception() is None
            return self._asked.result() if is_there else None

    def request(self) -> GenerationRequest | None:
        """Its request, which is waited for; None if there is none. Raises what asking raised."""
        return self._ask() if self._working is None else self._asked.result()

    def result(self) -> GenerationResult:
        """What is being made, which is waited for. Raises what making it raised."""
        return self._made.result()

    def stop(self) -> None:
        """Have nothing made any more, within one step."""
        self._stopped.set()
        self.in_time()
        if self._working is not None and not self.is_asking:
            wait([self._working])

    def _work(self) -> None:
        try:
            request = self._ask()
        except BaseException as error:  # is raised where it is asked for
            self._asked.set_exception(error)
            return
        with self._gate:
            self._asked.set_result(request)
            if request is None or self._is_late:
                return
        try:
            self._made.set_result(self._make(request, self._is_cancelled))
        except BaseException as error:  # likewise
            self._made.set_exception(error)

    def _is_cancelled(self) -> bool:
        return self._stopped.is_set() or self._cancel()
