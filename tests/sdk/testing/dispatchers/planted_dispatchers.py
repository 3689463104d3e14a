"""Dispatchers with one fault each; `Test` classes run the contract over them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from attrs import evolve

import longtake as lt
from longtake.dispatch.fairness import FairQueue
from longtake.testing import DispatcherContract

Listener = Callable[[lt.OrderEvent], None]


class Whole(lt.InProcessDispatcher):
    """Nothing is wrong. ``fails``: the tests that fail, of one that is broken.

    ``may_fail``: those that fail or not, as threads happen to meet.
    """

    fails: ClassVar[tuple[str, ...]] = ()
    may_fail: ClassVar[tuple[str, ...]] = ()


class Retelling(Whole):
    """Tells listeners what `retell` makes of their events."""

    def submit(self, order: lt.StepOrder, listener: Listener) -> None:
        super().submit(order, lambda event: self.retell(event, listener))

    def retell(self, event: lt.OrderEvent, listener: Listener) -> None:
        listener(event)


class SessionAfterSession(Whole):
    fails = ("test_sessions_take_turns",)

    class Queue(FairQueue):
        def take(self, worker: str) -> lt.StepOrder | None:
            own = [name for name in self._waiting if self._last_worker.get(name) == worker]
            if own and own[0] in self._rolling:
                return None  # it waits until its segment is committed
            for name in own[:1]:
                self._waiting = {name: self._waiting.pop(name), **self._waiting}
            return super().take(worker)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._desk._queue = self.Queue()


class TwoOfASessionAtOnce(Whole):
    fails = (
        "test_one_session_is_not_rolled_twice_at_once",
        "test_the_status_says_who_is_at_what",
    )
    may_fail = (
        "test_a_listener_that_raises_hurts_nothing",
        "test_nothing_is_told_after_the_end",
        "test_segments_are_those_of_rolling_alone",
        "test_sessions_take_turns",
    )

    class Queue(FairQueue):
        def take(self, worker: str) -> lt.StepOrder | None:
            order = super().take(worker)
            self._rolling.clear()
            return order

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._desk._queue = self.Queue()


class NeverStops(Whole):
    fails = (
        "test_a_running_order_stops_and_leaves_nothing",
        "test_an_id_in_use_is_refused",
        "test_one_session_is_not_rolled_twice_at_once",
        "test_the_status_says_who_is_at_what",
    )

    def cancel(self, order_id: str) -> bool:
        running = any(each.order_id == order_id for each in self.status().workers)
        return (running and order_id == "a1") or super().cancel(order_id)


class CancelsAnything(Whole):
    fails = (
        "test_a_waiting_order_is_cancelled_at_once",
        "test_what_is_over_or_unknown_is_not_cancelled",
    )

    def cancel(self, order_id: str) -> bool:
        super().cancel(order_id)
        return True


class TakesOrdersWhenClosed(Whole):
    fails = (
        "test_closing_cancels_everything_and_may_be_repeated",
        "test_draining_ends_what_there_is_and_takes_no_more",
    )

    def submit(self, order: lt.StepOrder, listener: Listener) -> None:
        if self.status().draining:
            return
        super().submit(order, listener)


class TakesAnIdTwice(Whole):
    fails = ("test_an_id_in_use_is_refused",)

    def submit(self, order: lt.StepOrder, listener: Listener) -> None:
        if order.id in self._desk._tickets:
            return
        super().submit(order, listener)


class TellsAPlaceOnce(Retelling):
    fails = ("test_places_are_told_and_told_again",)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.told: set[str] = set()

    def retell(self, event: lt.OrderEvent, listener: Listener) -> None:
        if isinstance(event, lt.OrderQueued):
            if event.order_id in self.told:
                return
            self.told.add(event.order_id)
        listener(event)


class TellsNoProgress(Retelling):
    fails = ("test_a_listener_is_told_all_the_way", "test_progress_never_goes_back")

    def retell(self, event: lt.OrderEvent, listener: Listener) -> None:
        if not isinstance(event, lt.OrderProgress):
            listener(event)


class ProgressGoesBack(Retelling):
    fails = ("test_progress_never_goes_back",)

    def retell(self, event: lt.OrderEvent, listener: Listener) -> None:
        if isinstance(event, lt.OrderProgress):
            event = evolve(event, fraction=1 - event.fraction)
        listener(event)


class TellsTheEndTwice(Retelling):
    fails = ("test_nothing_is_told_after_the_end",)

    def retell(self, event: lt.OrderEvent, listener: Listener) -> None:
        listener(event)
        if isinstance(event, lt.OrderDone):
            listener(evolve(event, revision=event.revision + 1))


class TellsTwoThingsAtOnce(Retelling):
    fails = (
        "test_a_listener_is_told_one_event_at_a_time",
        "test_a_listener_that_raises_hurts_nothing",
    )

    def retell(self, event: lt.OrderEvent, listener: Listener) -> None:
        if isinstance(event, lt.OrderQueued):
            other = threading.Thread(target=listener, args=(event,))
            other.start()
            listener(event)
            other.join()
        else:
            listener(event)


class ForgetsTheRevision(Whole):
    fails = (
        "test_a_step_that_was_committed_comes_back",
        "test_an_order_that_fails_hurts_no_other",
    )

    def submit(self, order: lt.StepOrder, listener: Listener) -> None:
        super().submit(evolve(order, expected_revision=None), listener)


class HidesErrors(Retelling):
    fails = (
        "test_a_session_that_is_not_there_is_said",
        "test_an_order_that_fails_hurts_no_other",
    )

    def retell(self, event: lt.OrderEvent, listener: Listener) -> None:
        if isinstance(event, lt.OrderFailed):
            event = lt.OrderCancelled(order_id=event.order_id)
        listener(event)


class ShowsNoOrder(Whole):
    fails = ("test_the_status_says_who_is_at_what",)

    def status(self) -> lt.DispatcherStatus:
        status = super().status()
        workers = tuple(evolve(each, order_id=None) for each in status.workers)
        return evolve(status, workers=workers)


class ClosesInSilence(Retelling):
    fails = ("test_closing_cancels_everything_and_may_be_repeated",)

    closing = False

    def retell(self, event: lt.OrderEvent, listener: Listener) -> None:
        if not self.closing:
            listener(event)

    def close(self) -> None:
        self.closing = True
        super().close()


class BrokenDispatcher(DispatcherContract):
    kind: ClassVar[type[Whole]] = Whole
    patience = 5.0

    @pytest.fixture
    def dispatcher(self, sessions: lt.SessionStore) -> Iterator[Whole]:
        with lt.Pipeline(self.family) as first, lt.Pipeline(self.family) as second:
            yield self.kind([first, second], sessions=sessions)


def broken() -> list[type[Whole]]:
    """All of this module, with the one in which nothing is wrong."""
    kinds = [each for each in globals().values() if isinstance(each, type)]
    return [each for each in kinds if issubclass(each, Whole) and each is not Retelling]


globals().update(
    {
        f"Test{kind.__name__}": type(f"Test{kind.__name__}", (BrokenDispatcher,), {"kind": kind})
        for kind in broken()
    }
)
