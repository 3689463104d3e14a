"""Workers that outlive their server: the next one has them, or they end."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest
from attrs import evolve

pytest.importorskip("ray")
pytest.importorskip("longtake_ray")

import longtake as lt
from longtake.testing.dispatchers.family import STEPS, steps_request
from longtake.testing.dispatchers.listening import Heard
from longtake_ray import leftovers as leaving
from longtake_ray import replica as replicas
from longtake_ray.hand import Given
from longtake_ray.leftovers import arrived, leftovers
from longtake_ray.parcels import travelling
from longtake_ray.replica import Replica, Wanted
from longtake_ray.versions import loaded_versions
from tests.contrib.ray.cluster import PATIENCE, eventually

pytestmark = pytest.mark.usefixtures("ray_cluster")

SPEC = lt.PipelineSpec(family=STEPS.name)
IDLE = lt.DispatcherStatus(workers=(), queued=0, draining=False)


@pytest.fixture
def wanted(sessions: lt.SessionStore, monkeypatch: pytest.MonkeyPatch) -> Wanted:
    """As a dispatcher at ``ray:?cpus=0.5`` wants its workers."""
    monkeypatch.setattr(leaving, "_SILENT_SECONDS", 1.0)
    return Wanted(
        pool="longtake",
        ranks=1,
        resources={"CPU": 0.5},
        spec=lt.unstructure(SPEC),
        parts=travelling(sessions=sessions, blobs=None, media=None),
        versions=loaded_versions(),
        maker=STEPS.name,
    )


def started(wanted: Wanted) -> Replica:
    return Replica.started(wanted, 0, lambda: False)


def names() -> set[str]:
    return {each.name for each in lt.open_dispatcher_pool("ray:").status().workers}


def test_one_that_nobody_has_goes_on_and_more_than_are_wanted_end(wanted: Wanted) -> None:
    both = {started(wanted).name, started(wanted).name}
    (found,) = leftovers(wanted, 1)
    assert found.replica.name in both
    assert (found.replica.device, found.sessions) == ("cpu", {})
    eventually(lambda: names() == {found.replica.name})
    found.replica.end(gently=True)
    eventually(lambda: not names())
    assert leftovers(wanted, 1) == []


@pytest.mark.parametrize(
    "change",
    [{"parts": travelling(sessions=None)}, {"spec": {}}, {"versions": {}}, {"ranks": 2}],
    ids=str,
)
def test_one_that_is_not_what_is_wanted_now_ends(wanted: Wanted, change: dict[str, Any]) -> None:
    started(wanted)
    assert leftovers(evolve(wanted, **change), 1) == []
    eventually(lambda: not names())


def test_one_that_its_server_is_heard_by_stays_its_own(wanted: Wanted) -> None:
    replica, over = started(wanted), threading.Event()

    def hear() -> None:
        while not over.wait(0.1):
            replica.hear(IDLE)

    thread = threading.Thread(target=hear)
    thread.start()
    assert leftovers(wanted, 1) == []
    over.set()
    thread.join()
    assert names() == {replica.name}
    replica.end(gently=True)


def test_one_that_nobody_wants_ends_by_itself(
    wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "_ALONE_SECONDS", 2.0)
    started(wanted)
    eventually(lambda: not names())


def test_what_it_was_at_is_committed_once_and_is_the_end_of_the_order_that_comes_again(
    wanted: Wanted, sessions: lt.SessionStore
) -> None:
    sessions.create("a", family=STEPS.name, preset="default@1")
    request = steps_request("fog", steps=100, seconds=0.05)
    order = lt.StepOrder(id="a1", session_id="a", request=request, expected_revision=0)
    replica = started(wanted)
    import ray

    worker: Any = ray.get_actor(replica.name, namespace="longtake")
    given = Given("of a server that was killed", order.id, "a", pickle.dumps(order))
    worker.give.remote(given)
    eventually(lambda: replica.said().status.session_id == "a")
    dispatcher = lt.open_dispatcher("ray:?workers=2&cpus=0.5", SPEC, sessions=sessions)
    heard = Heard(PATIENCE)
    dispatcher.submit(order, heard)
    done = heard.done()
    dispatcher.close()
    assert (done.revision, done.segment.made_by) == (1, replica.name)
    assert sessions.history("a") == [done.segment]


def test_one_that_has_not_loaded_is_waited_for(
    wanted: Wanted, sessions: lt.SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Replica, "load", lambda *_: None)
    replica = started(wanted)  # its server was killed before it could say what to load
    monkeypatch.undo()
    monkeypatch.setattr(leaving, "_SILENT_SECONDS", 1.0)
    (left,) = leftovers(wanted, 1)
    assert (left.replica.name, left.is_loaded) == (replica.name, False)
    assert arrived(left, wanted, lambda: False)
    assert replica.said().status.device == "cpu"
    replica.end(gently=True)


def test_it_goes_on_with_the_orders_in_its_hand_while_there_is_no_server(
    wanted: Wanted, sessions: lt.SessionStore
) -> None:
    replica = started(wanted)
    for number, session in enumerate("abc"):
        sessions.create(session, family=STEPS.name, preset="default@1")
        request = steps_request("fog", seconds=0.1)
        order = lt.StepOrder(
            id=f"{session}1", session_id=session, request=request, expected_revision=0
        )
        replica.give(f"attempt {number}", order)
    eventually(lambda: all(sessions.read(each).num_segments == 1 for each in "abc"))
    eventually(lambda: replica.said().sessions == {})  # soon after the last one is in the store
    replica.end(gently=True)
