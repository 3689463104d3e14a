"""Declared observers: made for each pipeline with their options, closed with it, and isolated."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

import longtake as lt
from longtake.plugins.loading import Plugin
from tests.sdk.toy_family import FOG

REQUEST = lt.GenerationRequest("fog")


@attrs.frozen(kw_only=True)
class LogOptions:
    path: str = ""
    level: int = attrs.field(default=1, validator=lt.between(0, 3))


class Log:
    """Keeps what happens to it."""

    made: list[Log]

    def __init__(self, options: LogOptions | None = None) -> None:
        self.options = options
        self.told: list[Any] = []
        self.closed = 0
        self.made.append(self)

    def __call__(self, event: lt.RunEvent) -> None:
        assert not self.closed
        self.told.append(event)

    def close(self) -> None:
        self.closed += 1


LOG = lt.Observer("run-log", Log, options=LogOptions)


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Log]:
    """Those that were made in the test."""
    logs: list[Log] = []
    monkeypatch.setattr(Log, "made", logs, raising=False)
    monkeypatch.delenv("LONGTAKE_OBSERVERS", raising=False)
    return logs


def registry_of(*observers: Any) -> lt.Registry:
    plugin = Plugin("main", "toys", "1.0", "loaded", None, (FOG,), observers=observers)
    return lt.Registry([plugin])


def load(*observers: Any, **options: Any) -> lt.Pipeline:
    return lt.load(family="fog", registry=registry_of(*observers), **options)


def test_an_observer_is_made_for_each_pipeline_and_closed_with_it(made: list[Log]) -> None:
    registry = registry_of(LOG)
    with lt.load(family="fog", registry=registry) as first:
        second = lt.load(family="fog", registry=registry)
        first.generate(REQUEST)
        second.generate(REQUEST)
    assert [log.closed for log in made] == [1, 0]
    first.close()
    second.close()
    assert [log.closed for log in made] == [1, 1]
    assert [len({event.run_id for event in log.told}) for log in made] == [1, 1]
    assert {type(log.told[-1]) for log in made} == {lt.RunEnded}
    assert [log.options for log in made] == [LogOptions(), LogOptions()]


def test_a_stream_that_is_cut_off_by_the_close_is_told_to_its_end_first(made: list[Log]) -> None:
    pipeline = load(LOG)
    events = pipeline.stream(REQUEST)
    next(events)
    pipeline.close()
    events.close()
    assert (type(made[0].told[-1]), made[0].closed) == (lt.RunEnded, 1)


def test_bare_observers_belong_to_their_makers(made: list[Log]) -> None:
    bare, given = Log(), Log()
    load(bare).close()
    lt.Pipeline(FOG, observers=(given,)).close()
    own = Log()
    lt.Pipeline(FOG, own_observers=(own,)).close()
    assert [bare.closed, given.closed, own.closed] == [0, 0, 1]


@pytest.mark.parametrize(
    "said",
    [{"path": "a", "level": 2}, {"path": Path("a"), "level": 2}, LogOptions(path="a", level=2)],
)
def test_options_are_said_by_the_observers_name(made: list[Log], said: Any) -> None:
    load(LOG, observers={"run-log": said})
    assert made[0].options == LogOptions(path="a", level=2)


def test_the_environment_says_options_and_the_program_says_otherwise(
    made: list[Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_OBSERVERS", '{"run-log": {"path": "a"}}')
    load(LOG)
    load(LOG, observers={"run-log": {"level": 3}})
    load(LOG, observers={"run-log": False})
    monkeypatch.setenv("LONGTAKE_OBSERVERS", '{"run-log": false}')
    load(LOG)
    load(LOG, observers={"run-log": {}})
    options = [LogOptions(path="a"), LogOptions(level=3), LogOptions()]
    assert [log.options for log in made] == options


WRONG: list[tuple[Any, str, str]] = [
    ({"run-lg": {}}, "run-lg", r"did you mean 'run-log'\?\); known: run-log"),
    ({"run-log": {"pth": "a"}}, "run-log.pth", "unknown field"),
    ({"run-log": {"path": 7}}, "run-log.path", "expected a string"),
    ({"run-log": {"level": 4}}, "run-log.level", "3"),
]


@pytest.mark.parametrize(("said", "path", "problem"), WRONG)
@pytest.mark.parametrize("where", ["observers", "LONGTAKE_OBSERVERS"])
def test_a_wrong_configuration_is_refused_before_anything_is_loaded(
    said: Any, path: str, problem: str, where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    family = FOG.evolve(load=lambda source: pytest.fail("it is loaded"))
    if where == "LONGTAKE_OBSERVERS":
        import json

        monkeypatch.setenv(where, json.dumps(said))
        said = None
    with pytest.raises(lt.ValidationError, match=problem) as refused:
        lt.load(tmp_path, family=family, registry=registry_of(LOG), observers=said)
    assert refused.value.path == f"{where}.{path}"


@pytest.mark.parametrize("said", ["run-log", 7, {"run-log": True}, {"run-log": None}])
def test_what_is_no_configuration(said: Any, made: list[Log]) -> None:
    with pytest.raises(lt.ValidationError, match=r"^observers"):
        load(LOG, observers=said)
    assert made == []


def test_an_observer_without_options_has_none(made: list[Log]) -> None:
    plain = lt.Observer("plain", Log)
    load(plain, observers={"plain": {}})
    assert made[0].options is None
    with pytest.raises(lt.ValidationError, match=r"^observers\.plain: has no options"):
        load(plain, observers={"plain": {"path": "a"}})


def refusing(path: str) -> Callable[[Any], Any]:
    def make(options: LogOptions) -> Any:
        raise lt.ValidationError(path, "there is no such folder")

    return make


@pytest.mark.parametrize(
    ("path", "shown"), [("options.path", "observers.bad.path"), ("options", "observers.bad")]
)
def test_options_that_the_observer_refuses_itself(path: str, shown: str, made: list[Log]) -> None:
    bad = lt.Observer("bad", refusing(path), options=LogOptions)
    with pytest.raises(lt.ValidationError, match="no such folder") as refused:
        load(LOG, bad, observers={"bad": {"path": "nowhere"}})
    assert refused.value.path == shown
    assert [log.closed for log in made] == [1]  # what was made before is let go


@attrs.frozen(kw_only=True)
class Required:
    path: str


def seven() -> int:
    return 7


def fails(options: Any = None) -> Any:
    raise SystemExit("no licence")


BROKEN = {
    "raises": lt.Observer("bad", fails),
    "refuses its defaults": lt.Observer("bad", refusing("options.path"), options=LogOptions),
    "has a required option": lt.Observer("bad", Log, options=Required),
    "is not there": lt.Observer("bad", "tests.sdk.nowhere:Log"),
    "has options that are not there": lt.Observer("bad", Log, options="tests.sdk.nowhere:Options"),
    "has options that are none": lt.Observer("bad", Log, options=int),
    "makes what cannot be called": lt.Observer("bad", "tests.sdk.plugins.test_observing:seven"),
}


@pytest.mark.parametrize("bad", BROKEN.values(), ids=BROKEN)
def test_an_observer_that_cannot_be_made_is_logged_and_left_out(
    bad: lt.Observer, made: list[Log], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "longtake"):
        load(bad, LOG).generate(REQUEST)
    assert [record.name for record in caplog.records] == ["longtake.observers"]
    assert "'bad' cannot be made and is left out" in caplog.text
    assert [len(log.told) > 0 for log in made] == [True]


def test_an_observer_with_nothing_to_do_is_none(caplog: pytest.LogCaptureFixture) -> None:
    load(lt.Observer("idle", lambda: None)).generate(REQUEST)
    assert caplog.records == []


class Stubborn(Log):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def close(self) -> None:
        super().close()
        raise self.error


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(1)])
def test_an_observer_that_fails_to_close_is_logged(
    error: BaseException, made: list[Log], caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = load(lt.Observer("bad", lambda: Stubborn(error)), LOG)
    pipeline.close()
    assert [log.closed for log in made] == [1, 1]
    assert "raised while it was closed" in caplog.text


def test_an_observer_that_raised_is_closed_all_the_same(made: list[Log]) -> None:
    class Faulty(Log):
        def __call__(self, event: lt.RunEvent) -> None:
            raise ValueError("bad")

    with load(lt.Observer("bad", Faulty)) as pipeline:
        pipeline.generate(REQUEST)
    assert made[0].closed == 1


def test_an_observer_is_closed_when_nothing_could_be_loaded(
    made: list[Log], tmp_path: Path
) -> None:
    def broken(source: lt.ModelSource) -> lt.LoadedModel:
        raise lt.CheckpointError("weights", "are damaged")

    family = FOG.evolve(load=broken)
    with pytest.raises(lt.CheckpointError):
        lt.load(tmp_path, family=family, registry=registry_of(LOG))
    assert [log.closed for log in made] == [1]


def test_a_name_in_dispute_is_left_out_and_refused_by_name(made: list[Log]) -> None:
    plugins = [
        Plugin(name, name, "1.0", "loaded", None, observers=(LOG, lt.Observer(name, Log)))
        for name in ("one", "two")
    ]
    registry = lt.Registry([*plugins, Plugin("fog", "fog", "1.0", "loaded", None, (FOG,))])
    assert "the observer 'run-log' is provided by" in str(registry.plugins[0].error)
    lt.load(family="fog", registry=registry)
    assert len(made) == 2
    with pytest.raises(lt.NameClashError, match="run-log"):
        lt.load(family="fog", registry=registry, observers={"run-log": {}})


def test_a_listing_shows_observers_by_name() -> None:
    plugin = Plugin("m", "toys", "1", "loaded", observers=(LOG, max, Log(), test_options))
    assert plugin.provides == (
        "observer:run-log",
        "observer:max",
        "observer:Log",
        "observer:test_options",
    )


def test_options() -> None:
    """What is declared wrongly is refused when it is declared."""
    for wrong in ({"make": 7}, {"name": ""}, {"options": 7}, {"description": 7}):
        with pytest.raises(lt.PluginError, match="Observer "):
            lt.Observer(**{"name": "log", "make": Log, **wrong})  # type: ignore[arg-type]
