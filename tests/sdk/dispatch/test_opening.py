"""Dispatchers by URL: who is asked, what is handed over, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.plugins.loading import Plugin
from longtake.testing.dispatchers.family import STEPS, steps_request

SPEC = lt.PipelineSpec(family=STEPS.name)


@pytest.fixture
def registry() -> lt.Registry:
    return lt.Registry.of("longtake.builtin", "longtake.testing.dispatchers.family")


def rolled(dispatcher: lt.Dispatcher, sessions: lt.SessionStore) -> lt.OrderEvent:
    """How an order of a new session ends."""
    sessions.create("a", family=STEPS.name, preset="default@1")
    heard: list[lt.OrderEvent] = []
    order = lt.StepOrder(id="a1", session_id="a", request=steps_request("fog"))
    dispatcher.submit(order, heard.append)
    assert dispatcher.drain(60)
    return heard[-1]


def test_the_one_of_this_process_rolls_and_lets_its_pipelines_go(registry: lt.Registry) -> None:
    sessions = lt.open_session_store("memory:", registry=registry)
    with registry.use():
        dispatcher = lt.open_dispatcher("inprocess:", SPEC, sessions=sessions)
        assert isinstance(rolled(dispatcher, sessions), lt.OrderDone)
        dispatcher.close()
    assert isinstance(dispatcher, lt.InProcessDispatcher)
    (worker,) = dispatcher._workers
    with pytest.raises(lt.PipelineClosedError):
        worker.pipeline.check("fog")


def test_stores_may_be_urls(registry: lt.Registry, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/takes.db"
    with registry.use():
        dispatcher = lt.open_dispatcher("inprocess:", SPEC, sessions=url, blobs="memory:")
        end = rolled(dispatcher, lt.open_session_store(url))
        dispatcher.close()
    assert isinstance(end, lt.OrderDone)
    assert len(end.segment.media) == 1  # in the blobs


@pytest.mark.parametrize(
    ("url", "devices"),
    [
        ("inprocess:", ["cpu"]),
        ("INPROCESS:3", ["cpu"] * 3),
        ("inprocess:cpu,meta:1", ["cpu", "meta:1"]),
    ],
)
def test_workers_are_as_many_as_the_url_says(
    registry: lt.Registry, url: str, devices: list[str]
) -> None:
    with registry.use():
        dispatcher = lt.open_dispatcher(url, SPEC, sessions="memory:")
    workers = dispatcher.status().workers
    dispatcher.close()
    assert [worker.device for worker in workers] == devices
    assert len({worker.name for worker in workers}) == len(devices)


@pytest.mark.parametrize("url", ["inprocess:0", "inprocess:1000", "inprocess:a b", "inprocess://2"])
def test_what_the_one_of_this_process_cannot_use_is_refused(url: str) -> None:
    with pytest.raises(lt.ValidationError, match="dispatcher: write 'inprocess:'"):
        lt.open_dispatcher(url, SPEC, sessions="memory:")


def plugin(distribution: str, *backends: lt.DispatcherBackend) -> Plugin:
    return Plugin("main", distribution, "1.0", "loaded", dispatcher_backends=backends)


def test_the_backend_of_the_scheme_is_asked_with_open_stores() -> None:
    asked: dict[str, Any] = {}

    def opener(url: str, spec: lt.PipelineSpec, **parts: Any) -> str:
        asked.update(parts, url=url, spec=spec)
        return "a dispatcher"

    sessions = lt.open_session_store("memory:")
    shelf = plugin("shelves", lt.DispatcherBackend("Shelf", opener, pool=lambda url: f"of {url}"))
    registry = lt.Registry([shelf])
    opened: Any = lt.open_dispatcher("SHELF:x", SPEC, sessions=sessions, registry=registry)
    assert opened == "a dispatcher"
    assert asked == {
        "url": "SHELF:x",
        "spec": SPEC,
        "sessions": sessions,
        "blobs": None,
        "media": None,
    }
    pool: Any = lt.open_dispatcher_pool("shelf:x", registry=registry)
    assert pool == "of shelf:x"


def test_disputed_and_unknown_schemes_are_refused() -> None:
    one = plugin("one", lt.DispatcherBackend("shelf", "one:open"))
    two = plugin("two", lt.DispatcherBackend("SHELF", "two:open"))
    registry = lt.Registry([one, two])
    assert registry.dispatcher_backends == []
    assert all("dispatcher scheme 'shelf'" in str(each.error) for each in registry.plugins)
    with pytest.raises(lt.NameClashError, match="dispatcher scheme 'shelf'"):
        lt.open_dispatcher("shelf:", SPEC, sessions="memory:", registry=registry)
    with pytest.raises(lt.UnknownNameError, match="dispatcher scheme 'pigeon'; known: shelf"):
        lt.open_dispatcher_pool("pigeon:", registry=registry)


@pytest.mark.parametrize("text", ["", "inprocess", ":", "\ud800:x"])
def test_something_else_than_a_url_is_refused(text: str) -> None:
    with pytest.raises(lt.ValidationError, match="dispatcher"):
        lt.open_dispatcher(text, SPEC, sessions="memory:")


def test_a_process_alone_knows_of_its_own_workers() -> None:
    with pytest.raises(lt.ValidationError, match="inprocess: are in one process"):
        lt.open_dispatcher_pool("inprocess:2")


@pytest.mark.parametrize(
    "fields", [{"scheme": ""}, {"open": "no target"}, {"open": None}, {"pool": 3}]
)
def test_a_backend_is_declared_whole(fields: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"scheme": "mine", "open": "mine.pool:open", "pool": None}
    lt.DispatcherBackend(**whole)
    with pytest.raises(lt.PluginError, match=next(iter(fields))):
        lt.DispatcherBackend(**{**whole, **fields})
