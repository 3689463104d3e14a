"""The contract of dispatchers: the tests that every dispatcher passes.

    class TestMyDispatcher(DispatcherContract):
        @pytest.fixture
        def dispatcher(self, sessions):
            return MyDispatcher([lt.load(family=self.family) for _ in range(2)], sessions)

A dispatcher whose workers are other processes defines ``sessions`` too, as a store that they share,
and lets them load the plugin ``longtake.testing.dispatchers.family``.
"""

from __future__ import annotations

import threading

import pytest

import longtake as lt
from longtake.testing.dispatchers.family import STEPS, steps_request
from longtake.testing.dispatchers.fixtures import DispatcherFixtures

__all__ = ["DispatcherContract"]


class DispatcherContract(DispatcherFixtures):
    """Every test of a dispatcher. Subclass it and define the fixture ``dispatcher``."""

    def test_it_has_the_methods(self, dispatcher: lt.Dispatcher) -> None:
        assert isinstance(dispatcher, lt.Dispatcher)

    def test_a_listener_is_told_all_the_way(self, dispatcher: lt.Dispatcher) -> None:
        heard = self._submit("a1", seconds=0.02)
        done = heard.done()
        kinds = list(dict.fromkeys(type(event) for event in heard.events))
        assert kinds == [lt.OrderQueued, lt.OrderStarted, lt.OrderProgress, lt.OrderDone]
        assert {event.order_id for event in heard.events} == {"a1"}
        assert heard.places()[-1] == 0
        assert heard.started().worker in {each.name for each in dispatcher.status().workers}
        assert (done.revision, done.segment.index) == (1, 0)

    def test_progress_never_goes_back(self, dispatcher: lt.Dispatcher) -> None:
        heard = self._submit("a1", seconds=0.02)
        heard.done()
        progress = [event for event in heard.events if isinstance(event, lt.OrderProgress)]
        fractions = [event.fraction for event in progress]
        assert fractions == sorted(fractions)
        assert all(0 <= fraction <= 1 for fraction in fractions)
        drawn = [(event.step, event.steps) for event in progress if event.stage == "draw"]
        assert drawn[-1] == (3, 3)

    def test_nothing_is_told_after_the_end(self, dispatcher: lt.Dispatcher) -> None:
        heard = [self._submit(order_id) for order_id in ("a1", "b1", "a2", "b2")]
        ends = [listener.done() for listener in heard]
        assert dispatcher.drain(self.patience)
        assert [listener.events[-1] for listener in heard] == ends

    def test_a_listener_is_told_one_event_at_a_time(self, dispatcher: lt.Dispatcher) -> None:
        self._occupy("x1", "y1")
        heard = [self._submit(f"{session}1") for session in "abcdef"]
        cancels = [
            threading.Thread(target=dispatcher.cancel, args=(f"{session}1",)) for session in "abc"
        ]
        for thread in cancels:
            thread.start()
        for thread in cancels:
            thread.join()
        for order_id in ("x1", "y1"):
            dispatcher.cancel(order_id)
        for listener in heard:
            listener.end()
        assert {listener.at_once for listener in heard} == {1}

    def test_segments_are_those_of_rolling_alone(
        self, dispatcher: lt.Dispatcher, sessions: lt.SessionStore
    ) -> None:
        heard = [self._submit(f"a{number}") for number in range(5)]
        ends = [listener.done() for listener in heard]
        assert [end.segment for end in ends] == sessions.history("a")
        assert [end.revision for end in ends] == [1, 2, 3, 4, 5]
        alone = lt.open_session_store("memory:")
        alone.create("a", family=STEPS.name, preset="default@1")
        with lt.Pipeline(STEPS) as pipeline:
            for number, end in enumerate(ends):
                rolled = lt.roll(alone, "a", steps_request(f"a{number}"), pipeline=pipeline)
                assert rolled.segment.state_digest == end.segment.state_digest

    def test_one_session_is_not_rolled_twice_at_once(self, dispatcher: lt.Dispatcher) -> None:
        self._occupy("a1")
        second = self._submit("a2")
        self._submit("b1").done()  # a worker was free all the while
        assert not any(isinstance(event, lt.OrderStarted) for event in second.events)
        dispatcher.cancel("a1")
        assert second.done().revision == 1

    def test_sessions_take_turns(
        self, dispatcher: lt.Dispatcher, sessions: lt.SessionStore
    ) -> None:
        self._occupy("x1", "y1")
        for number in range(8):
            for session in "ab":
                self._submit(f"{session}{number}", seconds=0.01)
        late = self._submit("c1")
        for order_id in ("x1", "y1"):
            dispatcher.cancel(order_id)
        committed = late.done().segment.committed
        assert dispatcher.drain(self.patience)
        others = [*sessions.history("a"), *sessions.history("b")]
        assert len(others) == 16
        assert sum(each.committed < committed for each in others) <= 8

    def test_places_are_told_and_told_again(self, dispatcher: lt.Dispatcher) -> None:
        self._occupy("x1", "y1")
        heard = [self._submit(f"{session}1") for session in "abc"]
        for place, listener in enumerate(heard):
            listener.wait(
                lambda event, place=place: (
                    event
                    == lt.OrderQueued(  # type: ignore[misc]
                        order_id=event.order_id, place=place
                    )
                ),
                f"its place {place}",
            )
        dispatcher.cancel("a1")
        heard[1].wait(lambda event: event == lt.OrderQueued(order_id="b1", place=0), "place 0")
        heard[2].wait(lambda event: event == lt.OrderQueued(order_id="c1", place=1), "place 1")

    def test_a_waiting_order_is_cancelled_at_once(self, dispatcher: lt.Dispatcher) -> None:
        self._occupy("x1", "y1")
        waiting = self._submit("a1")
        assert dispatcher.cancel("a1")
        waiting.cancelled()
        assert not any(isinstance(event, lt.OrderStarted) for event in waiting.events)
        assert not dispatcher.cancel("a1")
        assert dispatcher.status().queued == 0

    def test_a_running_order_stops_and_leaves_nothing(
        self, dispatcher: lt.Dispatcher, sessions: lt.SessionStore
    ) -> None:
        (running,) = self._occupy("a1")
        assert dispatcher.cancel("a1")
        running.cancelled()
        assert sessions.history("a") == []
        assert self._submit("a1").done().revision == 1

    def test_what_is_over_or_unknown_is_not_cancelled(self, dispatcher: lt.Dispatcher) -> None:
        self._submit("a1").done()
        assert not dispatcher.cancel("a1")
        assert not dispatcher.cancel("nobody")

    def test_an_id_in_use_is_refused(
        self, dispatcher: lt.Dispatcher, sessions: lt.SessionStore
    ) -> None:
        self._occupy("a1")
        with pytest.raises(lt.ValidationError) as refused:
            self._submit("a1")
        assert refused.value.path == "order.id"
        dispatcher.cancel("a1")
        assert dispatcher.drain(self.patience)
        assert sessions.history("a") == []

    def test_an_order_that_fails_hurts_no_other(self, dispatcher: lt.Dispatcher) -> None:
        self._submit("a1").done()
        assert isinstance(self._submit("a2", revision=7).failed(), lt.Conflict)
        assert self._submit("a3").done().revision == 2

    def test_a_session_that_is_not_there_is_said(
        self, dispatcher: lt.Dispatcher, sessions: lt.SessionStore
    ) -> None:
        self._occupy("x1", "y1")
        heard = self._submit("a1")
        sessions.delete("a")
        dispatcher.cancel("x1")
        assert isinstance(heard.failed(), lt.SessionNotFound)

    def test_a_step_that_was_committed_comes_back(
        self, dispatcher: lt.Dispatcher, sessions: lt.SessionStore
    ) -> None:
        first = self._submit("a1", prompt="fog", revision=0).done()
        again = self._submit("a2", prompt="fog", revision=0).done()
        assert again.segment == first.segment
        assert len(sessions.history("a")) == 1

    def test_a_listener_that_raises_hurts_nothing(self, dispatcher: lt.Dispatcher) -> None:
        def ill(event: lt.OrderEvent) -> None:
            raise ValueError("this listener always raises")

        dispatcher.submit(self._order("a1", steps_request("a1")), ill)
        dispatcher.submit(self._order("b1", steps_request("b1")), ill)
        assert self._submit("a2").done().revision == 2
        assert self._submit("b2").done().revision == 2

    def test_the_status_says_who_is_at_what(self, dispatcher: lt.Dispatcher) -> None:
        (running,) = self._occupy("a1")
        self._submit("a2")
        status = dispatcher.status()
        assert len({worker.name for worker in status.workers}) == len(status.workers) == 2
        assert all(worker.device for worker in status.workers)
        at = {worker.name: (worker.session_id, worker.order_id) for worker in status.workers}
        assert at.pop(running.started().worker) == ("a", "a1")
        assert list(at.values()) == [(None, None)]
        assert (status.queued, status.draining) == (1, False)
        assert sum(worker.orders_done for worker in status.workers) == 0
        dispatcher.cancel("a1")
        assert dispatcher.drain(self.patience)
        status = dispatcher.status()
        assert sum(worker.orders_done for worker in status.workers) == 2
        assert (status.queued, status.draining) == (0, True)

    def test_draining_ends_what_there_is_and_takes_no_more(self, dispatcher: lt.Dispatcher) -> None:
        self._occupy("x1", "y1")
        waiting = self._submit("a1")
        assert not dispatcher.drain(0.01)
        with pytest.raises(lt.DispatcherClosed):
            self._submit("b1")
        for order_id in ("x1", "y1"):
            dispatcher.cancel(order_id)
        assert dispatcher.drain(self.patience)
        assert isinstance(waiting.events[-1], lt.OrderDone)

    def test_closing_cancels_everything_and_may_be_repeated(
        self, dispatcher: lt.Dispatcher
    ) -> None:
        heard = [*self._occupy("x1", "y1"), self._submit("a1"), self._submit("a2")]
        dispatcher.close()
        for listener in heard:
            assert isinstance(listener.events[-1], lt.OrderCancelled)
        dispatcher.close()
        with pytest.raises(lt.DispatcherClosed):
            self._submit("b1")
