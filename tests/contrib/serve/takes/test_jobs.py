"""Takes that are asked for as a whole: done as a whole, or failed, whatever becomes of servers."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

import longtake as lt

pytest.importorskip("longtake_serve")

from longtake_serve.takes.errors import ServiceClosed, TakeFinished
from longtake_serve.takes.limits import LimitExceeded, ServeLimits
from longtake_serve.takes.views import JobView, TakeJob
from tests.contrib.serve.scripted import Desk, asked

JOB = TakeJob(prompt="sea", seconds=4.0, height=16, width=16, fps=Fraction(30), overlap_frames=9)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.service.close()


def start(desk: Desk, *prompts: str, tenant: str = "ann", **keywords: Any) -> JobView:
    requests = [asked(prompt) for prompt in prompts]
    return desk.service.jobs.start(tenant, requests, JOB, **keywords)


def read(desk: Desk, take: str) -> JobView:
    return desk.service.jobs.read("ann", take)


def test_it_is_completed_with_its_last_segment(desk: Desk) -> None:
    job = start(desk, "one", "two")
    take = job.take.id
    assert (job.status, job.fraction, job.completed, job.error) == ("queued", 0.0, None, None)
    assert (job.job.num_works, job.job.num_segments) == (2, 2)
    order = desk.dispatcher.of(take)
    desk.dispatcher.start(order)
    progress = lt.OrderProgress(order_id=order.id, stage="draw", step=1, steps=2, fraction=0.5)
    desk.dispatcher.tell(order, progress)
    desk.settle(take)
    job = read(desk, take)
    assert (job.status, job.fraction) == ("in_progress", 0.25)
    desk.dispatcher.end(order, desk.dispatcher.roll(order))
    desk.settle(take)
    job = read(desk, take)
    assert (job.status, job.fraction) == ("in_progress", 0.5)
    desk.roll_all(take)
    job = read(desk, take)
    assert (job.status, job.fraction, job.error) == ("completed", 1.0, None)
    (last,) = desk.service.segments("ann", take, start=1)
    assert job.completed == last.committed
    assert job.take.status == "finished"
    with pytest.raises(TakeFinished):
        desk.extend(take, "three")


def test_what_is_behind_a_failure_is_not_rolled(desk: Desk) -> None:
    take = start(desk, "one", "two", "three", "four").take.id
    desk.dispatcher.do(desk.dispatcher.of(take))
    desk.settle(take)
    desk.dispatcher.fail(desk.dispatcher.of(take), lt.ValidationError("prompt", "is bad"))
    desk.settle(take)
    assert desk.statuses(take) == ["done", "failed", "cancelled", "cancelled"]
    job = read(desk, take)
    assert (job.status, job.fraction) == ("failed", 0.25)
    assert job.error is not None
    assert (job.error.type, job.error.path) == ("ValidationError", "prompt")
    assert len(desk.dispatcher.seen) == 2
    assert desk.types(take)[-4:] == ["cancelled", "cancelled", "failed", "finished"]
    assert not desk.service.read("ann", take).open_work


def test_a_take_that_is_no_job_goes_on_behind_a_failure(desk: Desk) -> None:
    take = desk.take("one", "two")
    desk.dispatcher.fail(desk.dispatcher.of(take), lt.ValidationError("prompt", "is bad"))
    desk.roll_all(take)
    assert desk.statuses(take) == ["failed", "done"]


@pytest.mark.parametrize("which", [1, 2])
def test_what_is_behind_work_that_is_cancelled_is_not_rolled(desk: Desk, which: int) -> None:
    take = start(desk, "one", "two", "three").take.id
    order = desk.dispatcher.of(take)
    (cancelled,) = desk.service.cancel("ann", take, f"work_{which}")
    assert cancelled.id == f"work_{which}"
    if which == 1:
        desk.dispatcher.stop(order)
    else:
        desk.dispatcher.do(order)
    desk.settle(take)
    ended = ["cancelled"] * (4 - which)
    assert desk.statuses(take) == ["done"] * (which - 1) + ended
    job = read(desk, take)
    assert (job.status, job.error and job.error.type) == ("failed", "Cancelled")
    assert len(desk.dispatcher.seen) == 1


def test_all_of_it_can_be_cancelled(desk: Desk) -> None:
    take = start(desk, "one", "two").take.id
    order = desk.dispatcher.of(take)
    desk.service.cancel("ann", take)
    desk.dispatcher.stop(order)
    desk.settle(take)
    assert read(desk, take).status == "failed"


def test_it_goes_on_with_the_next_server(desk: Desk) -> None:
    take = start(desk, "one", "two", "three").take.id
    desk.dispatcher.do(desk.dispatcher.of(take))
    desk.settle(take)
    desk.begin()
    assert desk.service.resume() == 1
    assert read(desk, take).fraction == pytest.approx(1 / 3)
    desk.roll_all(take)
    assert read(desk, take).status == "completed"
    assert desk.prompts(take) == ["one", "two", "three"]


def test_the_same_key_gives_the_same_take(desk: Desk) -> None:
    first = start(desk, "one", "two", key="k").take.id
    assert start(desk, "one", "two", key="k").take.id == first
    desk.begin()
    assert start(desk, "one", "two", key="k").take.id == first
    assert start(desk, "one", "two", key="other").take.id != first
    assert start(desk, "one", "two", key="k", tenant="bob").take.id != first
    with pytest.raises(lt.ValidationError, match="key: was used for another request"):
        start(desk, "one", "three", key="k")
    with pytest.raises(lt.ValidationError, match="key: must be 1 to 255"):
        start(desk, "one", key="")
    assert len(desk.service.list("ann")) == 2


def test_the_same_key_ends_what_a_kill_left_half_begun(desk: Desk) -> None:
    take = start(desk, "one", key="k").take.id
    labels = desk.sessions.read(take).labels
    order = desk.dispatcher.of(take)
    desk.service.delete("ann", take)
    del desk.dispatcher.orders[order.id]
    desk.sessions.create(take, family="pendulum", preset="swing@1", labels=labels)
    assert start(desk, "one", key="k").take.id == take
    desk.dispatcher.tell(order, lt.OrderCancelled(order_id=order.id))  # of the take that was
    desk.settle(take)
    assert [each.id for each in desk.dispatcher.seen if each.session_id == take][1:] == [
        desk.dispatcher.of(take).id
    ]
    desk.roll_all(take)
    assert read(desk, take).status == "completed"


def test_it_may_go_on_from_another_take(desk: Desk) -> None:
    first = start(desk, "one", "two").take.id
    desk.roll_all(first)
    longer = start(desk, "three", after=first)
    take = longer.take.id
    assert (longer.job.num_segments, longer.job.num_works) == (3, 1)
    assert longer.status == "queued"
    desk.roll_all(take)
    assert desk.prompts(take) == ["one", "two", "three"]
    assert (read(desk, take).status, read(desk, take).fraction) == ("completed", 1.0)
    assert desk.prompts(first) == ["one", "two"]
    desk.service.delete("ann", first)
    assert desk.prompts(take) == ["one", "two", "three"]


def test_what_could_never_be_queued_makes_no_take() -> None:
    desk = Desk(limits=ServeLimits(queue=2, segments=3, sessions=2))
    with pytest.raises(LimitExceeded, match="make 3 segments; at most 2"):
        start(desk, "one", "two", "three")
    first = start(desk, "one", "two").take.id
    desk.roll_all(first)
    with pytest.raises(LimitExceeded, match="make 2 segments; at most 1"):
        start(desk, "three", "four", after=first)
    with pytest.raises(lt.ValidationError, match="prompt: is empty"):
        start(desk, "one", "")
    assert len(desk.service.list("ann")) == 1
    start(desk, "one")
    with pytest.raises(LimitExceeded, match="sessions: "):
        start(desk, "one")
    desk.service.close()
    with pytest.raises(ServiceClosed):
        start(desk, "one")


def test_jobs_are_listed_by_age_and_are_their_tenants_own(desk: Desk) -> None:
    desk.take("no job")
    mine = [start(desk, "one").take.id for _ in range(3)]
    other = start(desk, "one", tenant="bob").take.id
    found = desk.service.jobs.list("ann")
    assert {each.take.id for each in found} == {*mine}
    assert found == sorted(found, key=lambda each: (each.take.created, each.take.id))
    with pytest.raises(lt.SessionNotFound):
        read(desk, other)
    with pytest.raises(lt.SessionNotFound):
        start(desk, "one", after=other)
    with pytest.raises(lt.SessionNotFound, match="was not asked for as a whole"):
        read(desk, desk.take())
    desk.service.delete("ann", mine[0])
    assert {each.take.id for each in desk.service.jobs.list("ann")} == {*mine[1:]}
    assert desk.rows(mine[0]) == []
