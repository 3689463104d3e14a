"""Observers with one planted fault each, and sound ones; run by ``test_planted.py`` alone."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from attrs import frozen

import longtake as lt
from longtake.testing import ObserverContract


def planted(names: dict[str, Any]) -> list[Any]:
    """The test classes of this module."""
    found = [each for name, each in names.items() if name.startswith("Test")]
    return [each for each in found if each.__module__.endswith("planted_observers")]


@frozen(kw_only=True)
class Options:
    path: str = ""


@frozen(kw_only=True)
class RequiredOptions:
    path: str


class Sound:
    """Counts runs, under a lock."""

    def __init__(self, options: Any = None) -> None:
        self.lock = threading.Lock()
        self.runs = 0
        self.closed = False

    def __call__(self, event: Any) -> None:
        with self.lock:
            if isinstance(event, lt.RunEnded) and not self.closed:
                self.runs += 1

    def close(self) -> None:
        self.closed = True


class Queued(Sound):
    """Works in a thread of its own."""

    def __init__(self, options: Any = None) -> None:
        super().__init__()
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self.work, daemon=True).start()

    def __call__(self, event: Any) -> None:
        self.events.put(event)

    def work(self) -> None:
        while True:
            self.events.get()


def raising_at(found: Callable[[Any], bool]) -> type[Sound]:
    class Raising(Sound):
        def __call__(self, event: Any) -> None:
            if found(event):
                raise ValueError(event)

    return Raising


class OneThread(Sound):
    """Raises when it is told in another thread than the first."""

    thread: int | None = None

    def __call__(self, event: Any) -> None:
        self.thread = self.thread or threading.get_ident()
        if self.thread != threading.get_ident():
            raise RuntimeError("another thread")


class Strict(Sound):
    def __call__(self, event: Any) -> None:
        known = lt.RunStarted | lt.StageStarted | lt.StepDone | lt.StageEnded
        if not isinstance(event, known | lt.SegmentDone | lt.RunEnded):
            raise TypeError(type(event))


class ClosesOnce(Sound):
    def close(self) -> None:
        if self.closed:
            raise ValueError("closed already")
        self.closed = True


class NeverClosed(Sound):
    def __call__(self, event: Any) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


class Talkative(Sound):
    def __call__(self, event: Any) -> None:
        sys.stdout.write("event\n")
        sys.stdout.flush()


class Hoarder(Sound):
    def __init__(self, options: Any = None) -> None:
        super().__init__()
        self.kept: list[Any] = []

    def __call__(self, event: Any) -> None:
        self.kept.append(event)


def of(make: Any, options: type | None = Options) -> lt.Observer:
    return lt.Observer("planted", make, options=options)


def returns(item: Any) -> Callable[[], list[Any]]:
    @lt.hookimpl
    def longtake_observers() -> list[Any]:
        return [item]

    return longtake_observers


class Planted(ObserverContract):
    """``item``: what the hook returns; ``fails``: the test that says so, empty for a sound one."""

    item: Any = None
    fails = ""

    @pytest.fixture
    def plugin(self, monkeypatch: pytest.MonkeyPatch) -> str:
        hook = returns(type(self).item)
        monkeypatch.setattr(sys.modules[__name__], "longtake_observers", hook, raising=False)
        return __name__


class TestSound(Planted):
    item = of(Sound)


class TestQueued(Planted):
    item = of(Queued)


class TestWithoutOptions(Planted):
    item = of(Sound, None)


class TestBare(Planted):
    item = staticmethod(lambda event: None)


class TestFailsWithFailures(Planted):
    item = of(
        raising_at(lambda event: isinstance(event, lt.RunEnded) and event.outcome == "failed")
    )
    fails = "test_is_told_whole_runs"


class TestFailsWithFinishes(Planted):
    item = of(raising_at(lambda event: event.purpose == "finish"))
    fails = "test_is_told_whole_runs"


class TestOneThread(Planted):
    item = of(OneThread)
    fails = "test_is_told_from_several_threads"


class TestAscii(Planted):
    item = of(
        raising_at(
            lambda event: isinstance(event, lt.RunEnded) and not (event.error or "").isascii()
        )
    )
    fails = "test_errors_may_say_anything"


class TestStrict(Planted):
    item = of(Strict)
    fails = "test_events_of_later_versions_are_ignored"


class TestClosesOnce(Planted):
    item = of(ClosesOnce)
    fails = "test_is_closed_once_or_twice"


class TestNeverClosed(Planted):
    item = of(NeverClosed)
    fails = "test_events_after_the_close_do_no_harm"


class TestTalkative(Planted):
    item = of(Talkative)
    fails = "test_prints_nothing_on_standard_output"


class TestHoarder(Planted):
    item = of(Hoarder)
    fails = "test_keeps_no_events"


class TestRequiredOptions(Planted):
    item = of(Sound, RequiredOptions)
    fails = "test_options_have_defaults"

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"path": "a"}


class TestHeavy(ObserverContract):
    fails = "test_declaring_imports_nothing_heavy"

    @pytest.fixture
    def plugin(self) -> str:
        return "tests.sdk.testing.observers.planted_heavy"


with suppress(ImportError):
    import longtake_otel as _otel

    class TestTelemetry(ObserverContract):
        fails = ""

        @pytest.fixture
        def plugin(self) -> str:
            return _otel.__name__


class TestLogRuns(ObserverContract):
    fails = ""

    @pytest.fixture
    def plugin(self) -> str:
        return "examples.log_runs"
