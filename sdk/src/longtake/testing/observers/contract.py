"""The contract of observers: the tests that every observer passes.

    class TestMyObserver(ObserverContract):
        @pytest.fixture
        def plugin(self):
            return "longtake_run_log"

        @pytest.fixture
        def options(self, tmp_path):
            return {"path": str(tmp_path / "runs.jsonl")}

It is told whole runs that were recorded, so that what it raises is seen.
"""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from attrs import evolve, frozen

import longtake as lt
from longtake.testing.families.processes import told_by
from longtake.testing.observers.recorded import OUTCOMES, recorded_runs, with_error

__all__ = ["ObserverContract"]

_RUNS = 40
_PATIENCE = 10.0
"""Seconds in which an observer that works in a thread of its own has done what is left."""

_ERRORS = {
    "the longest": "OSError: " + "x" * 491,
    "quotes and braces": "KeyError: '\"{0} %s {name} \\' <b>&amp;</b> ;--",
    "not of this alphabet": "ValueError: \N{SNOWMAN} \N{HEBREW LETTER ALEF}\u202e",
    "control characters": "ValueError: \x00 \x07 \x1b[31m \x7f",
    "a name alone": "KeyError",
}

_Told = Callable[[Any], None]


@frozen(kw_only=True)
class _Later:
    """An event that only a later version tells."""

    time_ns: int = 1
    run_id: str = "0" * 32
    purpose: str = "segment"
    family: str = "recorded"
    preset: str = "default@1"
    device: str = "cpu"


class ObserverContract:
    """Every test of an observer. Subclass it and define the fixture ``plugin``."""

    @pytest.fixture
    def plugin(self) -> str:
        """The name of the plugin's module, e.g. ``"longtake_run_log"``."""
        pytest.fail("fill the fixture `plugin`: it returns the name of the plugin's module")

    @pytest.fixture
    def observer_name(self) -> str | None:
        """The declared observer to try; None when the plugin has one observer alone."""
        return None

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Of the observer, by name, so that it has something to do."""
        return {}

    @pytest.fixture
    def declared(self, plugin: str, observer_name: str | None) -> Any:
        """The observer as the plugin declares it."""
        registry = lt.Registry.of(plugin)
        if observer_name is not None:
            return registry.observer(observer_name)
        if len(registry.observers) != 1:
            pytest.fail(
                f"{plugin} has {len(registry.observers)} observers: return the name of one in the "
                "fixture `observer_name`"
            )
        return registry.observers[0]

    @pytest.fixture
    def observer(self, declared: Any, options: dict[str, Any]) -> Iterator[_Told]:
        """What is told the events, made for this test and closed after it."""
        if not isinstance(declared, lt.Observer):
            yield declared
            return
        made: Any = declared.made(declared.read_options(options))
        if made is None:
            pytest.fail("it does nothing with these options: fill the fixture `options`")
        yield made
        if hasattr(made, "close"):
            _raised(made.close)

    @pytest.mark.longtake_slow
    def test_declaring_imports_nothing_heavy(self, plugin: str) -> None:
        heavy = told_by("longtake.testing.observers.import_probe", {"plugin": plugin})
        assert heavy == [], (
            f"importing {plugin} or its hook imported {', '.join(heavy)}; name what needs them as "
            "'package.module:attribute', or import them inside functions"
        )

    def test_options_have_defaults(self, declared: Any) -> None:
        if not isinstance(declared, lt.Observer):
            pytest.skip("it is a bare callable, without options")
        try:
            declared.made(declared.read_options({}))
        except lt.ValidationError as error:
            pytest.fail(f"without options it cannot be made: {error}; give each field a default")

    @pytest.mark.parametrize("outcome", OUTCOMES)
    def test_is_told_whole_runs(self, observer: _Told, outcome: str) -> None:
        problems = _problems(observer, recorded_runs()[outcome])
        assert not problems, f"a run that is {outcome}: it raised {problems[0]}"

    def test_is_told_from_several_threads(self, observer: _Told) -> None:
        _bears(observer, "done")
        together, problems = threading.Barrier(4), list[str]()

        def tell(number: int) -> None:
            together.wait()
            for turn in range(10):
                run_id = f"{number:016x}{turn:016x}"
                problems.extend(_problems(observer, _as_run("done", run_id)))

        threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not problems, f"told from several threads at once it raised {problems[0]}"

    @pytest.mark.parametrize("error", _ERRORS.values(), ids=list(_ERRORS))
    def test_errors_may_say_anything(self, observer: _Told, error: str) -> None:
        _bears(observer, "failed")
        problems = _problems(observer, with_error(recorded_runs()["failed"], error))
        assert not problems, f"told the error {error!r} it raised {problems[0]}"

    def test_events_of_later_versions_are_ignored(self, observer: _Told) -> None:
        problems = _problems(observer, [_Later()])
        assert not problems, (
            f"told an event of a class that it does not know it raised {problems[0]}; later "
            "versions may add some, so look at those that you know and leave the others"
        )

    def test_is_closed_once_or_twice(self, declared: Any, observer: _Told) -> None:
        close = _close_of(declared, observer)
        _problems(observer, recorded_runs()["done"])
        for count in ("once", "twice"):
            if problem := _raised(close):
                pytest.fail(f"closed {count} it raised {problem}")

    def test_events_after_the_close_do_no_harm(self, declared: Any, observer: _Told) -> None:
        close = _close_of(declared, observer)
        _bears(observer, "done")
        _raised(close)
        problems = _problems(observer, recorded_runs()["done"])
        assert not problems, f"told of a run after it was closed it raised {problems[0]}"

    def test_prints_nothing_on_standard_output(
        self, observer: _Told, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for told in recorded_runs().values():
            _problems(observer, told)
        out = capfd.readouterr().out
        assert out == "", (
            f"it wrote {out[:80]!r} on standard output, which is the program's: use logging, or a "
            "file of its own"
        )

    def test_keeps_no_events(self, observer: _Told) -> None:
        alive: list[weakref.ref[Any]] = []
        for number in range(_RUNS):
            for event in _as_run("done", f"{number:032x}"):
                alive.append(weakref.ref(event))
                _raised(observer, event)
            del event
        most = len(alive) // _RUNS
        until = time.monotonic() + _PATIENCE
        while (kept := _num_alive(alive)) > most and time.monotonic() < until:
            time.sleep(0.05)
        assert kept <= most, (
            f"it keeps {kept} events of {_RUNS} runs that are over; what is kept of every run "
            "fills the memory of a server"
        )


def _num_alive(references: list[weakref.ref[Any]]) -> int:
    gc.collect()
    return sum(reference() is not None for reference in references)


def _as_run(outcome: str, run_id: str) -> Iterable[lt.RunEvent]:
    """New events of a recorded run, as of another one."""
    return (evolve(event, run_id=run_id) for event in recorded_runs()[outcome])


def _raised(call: Callable[..., object], *arguments: object) -> str:
    """What ``call`` raised, in words; empty when nothing."""
    try:
        call(*arguments)
    except Exception as error:  # isolation: what an observer raises is what is looked for
        return f"{type(error).__name__}: {error}"
    return ""


def _problems(observer: _Told, events: Iterable[Any]) -> list[str]:
    """What it raised while it was told, as often as it did."""
    raised = [_raised(observer, event) for event in events]
    return [problem for problem in raised if problem]


def _bears(observer: _Told, outcome: str) -> None:
    """Skip where the plain run is too much already, which another test says."""
    if _problems(observer, recorded_runs()[outcome]):
        pytest.skip("it raises already at a plain run; see test_is_told_whole_runs")


def _close_of(declared: Any, observer: Any) -> Callable[[], object]:
    if not isinstance(declared, lt.Observer) or not hasattr(observer, "close"):
        pytest.skip("there is nothing to close")
    close: Callable[[], object] = observer.close
    return close
