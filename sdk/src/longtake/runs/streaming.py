"""A run as an iterator of events: the run waits while its reader handles them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from queue import SimpleQueue

from attrs import define, field

from longtake.runs.events import Event, Progress

__all__ = ["Meeting", "Work", "stream_events"]

Work = Callable[[Callable[[Event], None], Callable[[], bool]], None]


@define(eq=False)
class Meeting:
    """Hands events from a run to its reader, for whom the run waits.

    The end of a stage is handed over with what comes next, or as the run is about to go on: each
    meeting costs more than all else that a stage is told by.
    """

    events: SimpleQueue[list[Event] | BaseException | None] = field(factory=SimpleQueue)
    handled: SimpleQueue[None] = field(factory=SimpleQueue)
    abandoned: threading.Event = field(factory=threading.Event)
    _held: list[Event] = field(factory=list)

    def give(self, event: Event) -> None:
        """Called by the run: goes on when the reader asks for the next event, or never will."""
        self._held.append(event)
        if not _is_end_of_stage(event):
            self._meet()

    def is_abandoned(self) -> bool:
        """Called by the run: whether the reader, who has handled all events by then, has left."""
        if self._held:
            self._meet()
        return self.abandoned.is_set()

    def end(self, error: BaseException | None) -> None:
        """Called by the run, which is over and has raised ``error``."""
        self.events.put(self._held)
        self.events.put(error)

    def received(self) -> Generator[Event, None, None]:
        """Called by the reader: the events until the run is over; raises what the run raised."""
        while (item := self.events.get()) is not None:
            if isinstance(item, BaseException):
                try:
                    raise item
                finally:
                    del item  # or the error and this frame would keep each other alive
            yield from item
            self.handled.put(None)

    def abandon(self) -> None:
        """Cancel the run, which may be waiting for its reader."""
        self.abandoned.set()
        self.handled.put(None)

    def _meet(self) -> None:
        events, self._held = self._held, []
        if not self.abandoned.is_set():
            self.events.put(events)
            self.handled.get()


def _is_end_of_stage(event: Event) -> bool:
    """Whether a stage was one step, and that is done."""
    return isinstance(event, Progress) and event.step == event.total == 1


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
            work(meeting.give, lambda: meeting.is_abandoned() or is_cancelled())
        except BaseException as error:  # carried over to the reader's thread
            meeting.end(error)
        else:
            meeting.end(None)

    worker = threading.Thread(target=target, name="longtake-run", daemon=True)
    worker.start()
    try:
        yield from meeting.received()
    finally:
        meeting.abandon()
        worker.join()
