"""A run as an iterator of events: the run waits while its reader handles one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from queue import SimpleQueue

from attrs import define, field

from longtake.runs.events import Event

__all__ = ["Meeting", "Work", "stream_events"]

Work = Callable[[Callable[[Event], None], Callable[[], bool]], None]


@define(eq=False)
class Meeting:
    """Hands events from a run to its reader one at a time."""

    events: SimpleQueue[Event | BaseException | None] = field(factory=SimpleQueue)
    handled: SimpleQueue[None] = field(factory=SimpleQueue)
    abandoned: threading.Event = field(factory=threading.Event)

    def give(self, event: Event) -> None:
        """Called by the run: goes on when the reader asks for the next event, or never will."""
        if not self.abandoned.is_set():
            self.events.put(event)
            self.handled.get()

    def received(self) -> Generator[Event, None, None]:
        """Called by the reader: the events until the run is over; raises what the run raised."""
        while (item := self.events.get()) is not None:
            if isinstance(item, BaseException):
                try:
                    raise item
                finally:
                    del item  # or the error and this frame would keep each other alive
            yield item
            self.handled.put(None)

    def abandon(self) -> None:
        """Cancel the run, which may be waiting for its reader."""
        self.abandoned.set()
        self.handled.put(None)


def stream_events(
    work: Work, is_cancelled: Callable[[], bool], meeting: Meeting
) -> Generator[Event, None, None]:
    """Run ``work(listener, is_cancelled)`` in a thread and yield what its listener gets.

    The worker goes on only when the next event is asked for, so a reader that closes the iterator
    stops the run within one step of what it has seen. What ``work`` raises is raised here. The
    thread is over when the iterator is.
    """

    def target() -> None:
        try:
            work(meeting.give, lambda: meeting.abandoned.is_set() or is_cancelled())
        except BaseException as error:  # carried over to the reader's thread
            meeting.events.put(error)
        else:
            meeting.events.put(None)

    worker = threading.Thread(target=target, name="longtake-run", daemon=True)
    worker.start()
    try:
        yield from meeting.received()
    finally:
        meeting.abandon()
        worker.join()
