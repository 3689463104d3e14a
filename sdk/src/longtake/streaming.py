"""A run as an iterator of events: the run waits while its reader handles one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from attrs import define, field

from longtake.results import Event

__all__ = ["stream_events"]

Work = Callable[[Callable[[Event], None], Callable[[], bool]], None]


@define
class _Rendezvous:
    """Hands events from the worker to the reader one at a time."""

    events: queue.Queue[Event | BaseException | None] = field(factory=lambda: queue.Queue(1))
    handled: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    abandoned: threading.Event = field(factory=threading.Event)

    def give(self, event: Event) -> None:
        if self.abandoned.is_set():
            return
        self.events.put(event)
        self.handled.acquire()

    def abandon(self) -> None:
        self.abandoned.set()
        self.handled.release()


def stream_events(work: Work, is_cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Run ``work(listener, is_cancelled)`` in a thread and yield what its listener gets.

    The worker goes on only when the next event is asked for, so a reader that closes the iterator
    stops the run within one step of what it has seen. What ``work`` raises is raised here.
    """
    meeting = _Rendezvous()

    def target() -> None:
        outcome: BaseException | None = None
        try:
            work(meeting.give, lambda: meeting.abandoned.is_set() or is_cancelled())
        except BaseException as error:  # carried over to the reader's thread
            outcome = error
        meeting.events.put(outcome)

    worker = threading.Thread(target=target, name="longtake-run", daemon=True)
    worker.start()
    try:
        yield from _received(meeting)
    finally:
        meeting.abandon()
        _drain(meeting, worker)


def _received(meeting: _Rendezvous) -> Iterator[Event]:
    while True:
        item = meeting.events.get()
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        yield item
        meeting.handled.release()


def _drain(meeting: _Rendezvous, worker: threading.Thread) -> None:
    """Wait for the worker; it may be about to put one more item."""
    while worker.is_alive():
        try:
            meeting.events.get(timeout=0.05)
        except queue.Empty:
            continue
