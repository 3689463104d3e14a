"""The dispatcher over real workers of Ray: the contract, lost workers, replaced workers, ranks."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

pytest.importorskip("ray")
pytest.importorskip("longtake_ray")

import longtake as lt
from longtake.testing import DispatcherContract
from longtake.testing.dispatchers.family import STEPS, steps_request
from longtake.testing.dispatchers.listening import Heard
from longtake_ray import shift as shifts
from tests.contrib.ray.cluster import PATIENCE, end_rank, eventually, installed, pid_of

pytestmark = pytest.mark.usefixtures("ray_cluster")

SPEC = lt.PipelineSpec(family=STEPS.name)


def opened(sessions: lt.SessionStore, number: int, spec: lt.PipelineSpec = SPEC) -> lt.Dispatcher:
    """A dispatcher whose workers are all there."""
    url = f"ray:?workers={number}&cpus=0.5&start={PATIENCE:g}"
    dispatcher = lt.open_dispatcher(url, spec, sessions=sessions)
    eventually(lambda: len(dispatcher.status().workers) == number)
    return dispatcher


class TestRayDispatcher(DispatcherContract):
    patience = PATIENCE

    @pytest.fixture
    def sessions(self, tmp_path: Path) -> lt.SessionStore:
        return lt.open_session_store(f"sqlite:///{tmp_path}/takes.db")

    @pytest.fixture
    def dispatcher(self, sessions: lt.SessionStore) -> lt.Dispatcher:
        return opened(sessions, 2)


@pytest.fixture
def open_with(sessions: lt.SessionStore) -> Iterator[Callable[..., lt.Dispatcher]]:
    """Opens dispatchers over ``sessions``, and closes them in the end."""
    with ExitStack() as stack:

        def open_one(number: int, spec: lt.PipelineSpec = SPEC) -> lt.Dispatcher:
            dispatcher = opened(sessions, number, spec)
            stack.callback(dispatcher.close)
            return dispatcher

        yield open_one


def submitted(
    dispatcher: lt.Dispatcher,
    sessions: lt.SessionStore,
    order_id: str,
    *,
    family: str = STEPS.name,
    request: lt.GenerationRequest | None = None,
) -> Heard:
    """An order named ``a1`` of session ``a``; half a second of steps unless it says otherwise."""
    with suppress(lt.SessionExists):
        sessions.create(order_id[0], family=family, preset="default@1")
    heard = Heard(PATIENCE)
    request = request or steps_request(order_id, steps=50, seconds=0.01)
    order = lt.StepOrder(id=order_id, session_id=order_id[0], request=request)
    dispatcher.submit(order, heard)
    return heard


def test_a_killed_workers_segment_is_made_by_another_one_and_is_the_same(
    open_with: Callable[..., lt.Dispatcher], sessions: lt.SessionStore
) -> None:
    dispatcher = open_with(2)
    pids = {each.name: pid_of(each.name) for each in dispatcher.status().workers}
    heard = [submitted(dispatcher, sessions, f"a{number}") for number in range(3)]
    heard[1].wait(lambda event: isinstance(event, lt.OrderProgress), "that it rolls")
    killed = heard[1].started().worker
    os.kill(pids[killed], signal.SIGKILL)
    assert dispatcher.drain(PATIENCE)
    ends = [each.done() for each in heard]
    begun = [each.worker for each in heard[1].events if isinstance(each, lt.OrderStarted)]
    assert begun[0] == killed
    assert begun[1] != killed
    history = sessions.history("a")
    assert [end.segment for end in ends] == history
    assert [end.revision for end in ends] == [1, 2, 3]
    alone = lt.open_session_store("memory:")
    alone.create("a", family=STEPS.name, preset="default@1")
    with lt.Pipeline(STEPS) as pipeline:
        for number, segment in enumerate(history):
            request = steps_request(f"a{number}", steps=50, seconds=0.0)
            rolled = lt.roll(alone, "a", request, pipeline=pipeline)
            assert rolled.segment.state_digest == segment.state_digest
    eventually(lambda: len({each.name for each in dispatcher.status().workers} - {killed}) == 2)


def test_a_spare_worker_rolls_nothing_until_it_takes_a_lost_ones_place(
    sessions: lt.SessionStore,
) -> None:
    url = f"ray:?workers=1&spares=1&cpus=0.5&start={PATIENCE:g}"
    with closing(lt.open_dispatcher(url, SPEC, sessions=sessions)) as dispatcher:
        eventually(lambda: len(dispatcher.status().workers) == 2)
        pids = {each.name: pid_of(each.name) for each in dispatcher.status().workers}
        heard = [submitted(dispatcher, sessions, f"{name}1") for name in "abc"]
        heard[1].wait(lambda event: isinstance(event, lt.OrderProgress), "that it rolls")
        killed = heard[1].started().worker
        os.kill(pids[killed], signal.SIGKILL)
        ends = [each.done() for each in heard]
        (spare,) = pids.keys() - {killed}
        assert [each.segment.made_by for each in ends] == [killed, spare, spare]


def test_an_order_that_ends_its_workers_fails_in_the_end(
    open_with: Callable[..., lt.Dispatcher],
    sessions: lt.SessionStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shifts, "_MOST_LOSSES", 2)
    dispatcher = open_with(1, lt.PipelineSpec(family="ranked"))
    ill = submitted(
        dispatcher, sessions, "a1", family="ranked", request=lt.GenerationRequest("die")
    )
    assert "2 workers were lost at it" in str(ill.failed())
    well = submitted(
        dispatcher, sessions, "b1", family="ranked", request=lt.GenerationRequest("live")
    )
    assert well.done().revision == 1


def test_workers_are_replaced_one_by_one_and_no_order_is_dropped(
    open_with: Callable[..., lt.Dispatcher], sessions: lt.SessionStore
) -> None:
    dispatcher = open_with(2)
    before = {each.name for each in dispatcher.status().workers}
    heard = [submitted(dispatcher, sessions, f"{name}{n}") for n in range(3) for name in "ab"]
    pool = lt.open_dispatcher_pool("ray:")
    seen = pool.status()
    assert {each.name for each in seen.workers} == before
    assert pool.replace() == 2
    least = 2

    def is_replaced() -> bool:
        nonlocal least
        now = {each.name for each in dispatcher.status().workers}
        least = min(least, len(now))
        return len(now) == 2 and not now & before

    eventually(is_replaced)
    assert least >= 1
    assert dispatcher.drain(PATIENCE)
    assert [each.done().revision for each in heard] == [1, 1, 2, 2, 3, 3]
    eventually(lambda: pool.status().draining)
    assert sum(each.orders_done for each in pool.status().workers) <= 6


def test_a_worker_with_other_packages_is_refused(
    sessions: lt.SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path / "newer", version="0.2")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "newer"), *sys.path])
    with (
        lt.Registry.discover().use(),
        pytest.raises(lt.PluginError, match=rf"{STEPS.name} is 0\.2 here and 0\.1 there"),
    ):
        lt.open_dispatcher(f"ray:?start={PATIENCE:g}&cpus=0.5", SPEC, sessions=sessions)
    assert lt.open_dispatcher_pool("ray:").status().workers == ()


def test_what_a_worker_cannot_load_is_said(sessions: lt.SessionStore) -> None:
    wrong = lt.PipelineSpec(family=STEPS.name, preset="nobody")
    with pytest.raises(lt.UnknownNameError, match="nobody"):
        lt.open_dispatcher(f"ray:?start={PATIENCE:g}&cpus=0.5", wrong, sessions=sessions)


def test_ranks_of_a_worker_are_together_and_know_each_other(sessions: lt.SessionStore) -> None:
    url = f"ray:?ranks=2&cpus=0.5&start={PATIENCE:g}"
    ranked = lt.open_dispatcher(url, lt.PipelineSpec(family="ranked"), sessions=sessions)
    (worker,) = ranked.status().workers
    assert worker.device == "0 of 2, MASTER_PORT True"
    end_rank(f"{worker.name}#1")
    eventually(lambda: {each.name for each in ranked.status().workers} - {worker.name} != set())
    ranked.close()
    with pytest.raises(RuntimeError, match="this family does not share its work"):
        lt.open_dispatcher(url, SPEC, sessions=sessions)


def test_media_are_kept_by_the_workers(sessions: lt.SessionStore, tmp_path: Path) -> None:
    pytest.importorskip("longtake_pendulum")
    sink = pytest.importorskip("longtake_serve.media.sink").StreamMedia(sessions)
    blobs = lt.open_blob_store(f"file://{tmp_path}/blobs")
    spec = lt.PipelineSpec(family="pendulum")
    url = f"ray:?cpus=0.5&start={PATIENCE:g}"
    dispatcher = lt.open_dispatcher(url, spec, sessions=sessions, blobs=blobs, media=sink)
    sessions.create("a", family="pendulum", preset="swing@1")
    sampling = lt.Sampling(height=32, width=48, num_frames=17, seed=3)
    heard = Heard(PATIENCE)
    for number in (1, 2):
        request = lt.GenerationRequest("a slow swing", sampling=sampling)
        heard = Heard(PATIENCE)
        dispatcher.submit(lt.StepOrder(id=f"a{number}", session_id="a", request=request), heard)
    end = heard.done()
    dispatcher.close()
    assert (end.revision, len(end.segment.media)) == (2, 3)  # its stream, how it goes on, its end
    assert all(len(bytes(blobs.get(blob_id))) > 100 for blob_id in end.segment.media)
