"""What a service of takes does for its clients, on a dispatcher that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import longtake as lt

pytest.importorskip("longtake_serve")

from longtake_serve.takes.errors import ServiceClosed, TakeBusy, TakeFinished
from longtake_serve.takes.limits import LimitExceeded, ServeLimits
from longtake_serve.takes.service import TakeService
from longtake_serve.takes.views import TakeEvent
from tests.contrib.serve.scripted import TINY, Desk, ScriptedDispatcher, asked


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.service.close()


def data_of(desk: Desk, take: str, type: str) -> list[dict[str, Any]]:
    return [each.data for each in desk.service.events("ann", take, limit=1000) if each.type == type]


def test_a_request_is_queued_rolled_and_told(desk: Desk) -> None:
    take = desk.take()
    work = desk.extend(take, "sea")
    assert (work.id, work.take, work.prompt, work.status, work.place) == (
        "work_1",
        take,
        "sea",
        "queued",
        0,
    )
    order = desk.dispatcher.of(take)
    assert (order.session_id, order.expected_revision) == (take, 0)
    assert order.request == lt.GenerationRequest.from_dict(asked("sea"))
    desk.dispatcher.start(order)
    desk.settle(take)
    assert desk.statuses(take) == ["running"]
    desk.dispatcher.end(order, desk.dispatcher.roll(order))
    desk.settle(take)
    (done,) = desk.works(take)
    assert (done.status, done.segment, done.error) == ("done", 0, None)
    (segment,) = desk.service.segments("ann", take)
    assert data_of(desk, take, "segment") == [
        {
            "work": "work_1",
            "index": 0,
            "seconds": segment.seconds,
            "state_digest": segment.state_digest,
        }
    ]
    assert desk.types(take) == ["queued", "started", "segment"]
    view = desk.service.read("ann", take)
    assert (view.num_segments, view.revision, view.status, view.open_work) == (1, 1, "open", 0)


def test_work_says_when_it_was_begun_and_had_ended() -> None:
    now = [100.0]
    desk = Desk(clock=lambda: now[0])
    take = desk.take()
    desk.extend(take, "sea")
    desk.extend(take, "dunes")
    desk.extend(take, "snow")
    first = desk.works(take)[0]
    assert (first.created, first.started, first.ended) == (100.0, None, None)
    order = desk.dispatcher.of(take)
    now[0] = 103.0
    desk.dispatcher.start(order)
    desk.settle(take)
    now[0] = 107.5
    desk.service.cancel("ann", take, "work_3")
    desk.dispatcher.end(order, desk.dispatcher.roll(order))
    desk.settle(take)
    found = [(each.started, each.ended) for each in desk.works(take)]
    assert found == [(103.0, 107.5), (None, None), (None, 107.5)]
    desk.service.close()


def test_requests_of_a_take_are_rolled_in_order_each_from_the_one_before(desk: Desk) -> None:
    take = desk.take("one", "two", "three")
    assert [each.place for each in desk.works(take)] == [0, 1, 2]
    desk.roll_all(take)
    assert desk.prompts(take) == ["one", "two", "three"]
    assert [each.expected_revision for each in desk.dispatcher.seen] == [0, 1, 2]
    assert [each.segment for each in desk.works(take)] == [0, 1, 2]


def test_takes_do_not_wait_for_each_other(desk: Desk) -> None:
    first, second = desk.take("one", "two"), desk.take("three")
    desk.dispatcher.do(desk.dispatcher.of(second))
    desk.settle(second)
    assert (desk.prompts(first), desk.prompts(second)) == ([], ["three"])


def test_the_same_key_makes_one_piece_of_work_also_when_that_has_ended(desk: Desk) -> None:
    take = desk.take()
    first = desk.extend(take, "sea", key="abc")
    assert desk.extend(take, "sea", key="abc").id == first.id
    assert desk.extend(take, "sea", key="abd").id != first.id
    assert desk.extend(take, "sea").id == "work_3"
    desk.roll_all(take)
    again = desk.extend(take, "sea", key="abc")
    assert (again.id, again.status) == (first.id, "done")
    with pytest.raises(lt.ValidationError) as caught:
        desk.extend(take, "dunes", key="abc")
    assert caught.value.path == "key"
    assert desk.prompts(take) == ["sea"] * 3
    other = desk.take()
    assert desk.extend(other, "dunes", key="abc").status == "queued"


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\ud800", "ä", "a\n"])
def test_a_key_is_visible_ascii(desk: Desk, key: str) -> None:
    take = desk.take()
    with pytest.raises(lt.ValidationError) as caught:
        desk.extend(take, "sea", key=key)
    assert caught.value.path == "key"
    assert desk.rows(take) == []


@pytest.mark.parametrize(("after", "limit"), [(-1, 1), (0, 0), (0, 1001)])
def test_events_are_asked_for_within_bounds(desk: Desk, after: int, limit: int) -> None:
    take = desk.take("sea")
    with pytest.raises(lt.ValidationError) as caught:
        desk.service.events("ann", take, after=after, limit=limit)
    assert caught.value.path == ("after" if after < 0 else "limit")
    assert desk.service.events("ann", take, after=2**63) == []


def test_progress_is_told_and_not_kept(desk: Desk) -> None:
    take = desk.take("sea")
    order = desk.dispatcher.of(take)
    desk.dispatcher.start(order)
    step: dict[str, Any] = {"stage": "swing", "step": 2, "steps": 8, "fraction": 0.25}
    desk.dispatcher.tell(order, lt.OrderProgress(order_id=order.id, **step))
    desk.settle(take)
    told = desk.events[take][-1]
    assert (told.id, told.type, told.data) == (2, "progress", {"work": "work_1", **step})
    assert desk.types(take) == ["queued", "started"]
    assert desk.works(take)[0].fraction == 0.25


def test_progress_brings_its_preview_as_a_picture_that_needs_no_request(desk: Desk) -> None:
    take = desk.take("sea")
    order = desk.dispatcher.of(take)
    desk.dispatcher.start(order)
    step: dict[str, Any] = {"stage": "swing", "step": 2, "steps": 8, "fraction": 0.25}
    desk.dispatcher.tell(order, lt.OrderProgress(order_id=order.id, **step, preview=b"png"))
    desk.settle(take)
    assert desk.events[take][-1].data["preview"] == "data:image/png;base64,cG5n"


def test_the_place_in_the_dispatchers_queue_is_told(desk: Desk) -> None:
    desk.take("one")
    take = desk.take("two")
    desk.settle(take)
    assert desk.events[take][-1].data == {"work": "work_1", "place": 1}
    assert desk.works(take)[0].place == 1


def test_who_listens_is_told_all_that_is_kept_in_order(desk: Desk) -> None:
    take = desk.take("one", "two")
    desk.roll_all(take)
    desk.service.rewind("ann", take, 1)
    desk.service.finish("ann", take)
    kept = desk.service.events("ann", take)
    assert [each.id for each in kept] == list(range(1, len(kept) + 1))
    by_id = {each.id: each for each in desk.events[take] if each in kept}
    assert list(by_id.values()) == kept
    assert desk.service.events("ann", take, after=3, limit=2) == kept[3:5]


def test_a_listener_that_fails_is_told_no_more_and_one_that_stops_neither(desk: Desk) -> None:
    take = desk.take()
    failed: list[object] = []
    stopped: list[TakeEvent] = []

    def fail(event: object) -> None:
        failed.append(event)
        raise RuntimeError("no")

    desk.service.listen("ann", take, fail)
    stop = desk.service.listen("ann", take, stopped.append)
    desk.extend(take, "one")
    stop()
    desk.extend(take, "two")
    assert len(failed) == 1
    assert "queued" in {each.type for each in stopped}
    assert len(desk.events[take]) > len(stopped)


def test_what_fails_says_why_and_the_next_goes_on_from_there(desk: Desk) -> None:
    take = desk.take("one", "two", "three")
    desk.dispatcher.fail(desk.dispatcher.of(take), lt.ValidationError("sampling.seed", "is odd"))
    desk.settle(take)
    secret = RuntimeError("/secret/folder")
    desk.dispatcher.fail(desk.dispatcher.of(take), secret)
    desk.settle(take)
    error = desk.service.read("ann", take).last_error
    assert error is not None and error.type == "RuntimeError"
    desk.roll_all(take)
    assert desk.statuses(take) == ["failed", "failed", "done"]
    first, second = data_of(desk, take, "failed")
    assert (first["error"], first["path"]) == ("ValidationError", "sampling.seed")
    assert "is odd" in first["message"]
    assert (second["error"], second["path"]) == ("RuntimeError", "")
    assert "secret" not in second["message"]
    assert desk.prompts(take) == ["three"]
    assert desk.service.read("ann", take).last_error is None


def test_what_waits_is_cancelled_at_once_and_what_runs_when_it_stops(desk: Desk) -> None:
    take = desk.take("one", "two", "three", "four")
    order = desk.dispatcher.of(take)
    desk.dispatcher.start(order)
    desk.settle(take)
    assert [each.status for each in desk.service.cancel("ann", take, "work_2")] == ["cancelled"]
    assert desk.dispatcher.asked_to_cancel == []
    assert [each.status for each in desk.service.cancel("ann", take, "work_1")] == ["cancelling"]
    assert desk.dispatcher.asked_to_cancel == [order.id]
    desk.dispatcher.stop(order)
    desk.settle(take)
    assert desk.statuses(take) == ["cancelled", "cancelled", "queued", "queued"]
    assert desk.dispatcher.of(take).expected_revision == 0
    desk.roll_all(take)
    assert desk.prompts(take) == ["three", "four"]
    assert data_of(desk, take, "cancelled") == [{"work": "work_2"}, {"work": "work_1"}]
    assert [each.status for each in desk.service.cancel("ann", take, "work_3")] == ["done"]


def test_all_is_cancelled_together(desk: Desk) -> None:
    take = desk.take("one", "two", "three")
    assert len(desk.service.cancel("ann", take)) == 3
    desk.dispatcher.stop(desk.dispatcher.of(take))
    desk.settle(take)
    assert desk.statuses(take) == ["cancelled"] * 3
    assert desk.service.read("ann", take).open_work == 0
    assert desk.service.cancel("ann", take) == []


def test_what_is_done_before_it_stops_is_done(desk: Desk) -> None:
    take = desk.take("one")
    order = desk.dispatcher.of(take)
    desk.service.cancel("ann", take)
    desk.dispatcher.do(order)
    desk.settle(take)
    assert desk.statuses(take) == ["done"]
    assert desk.types(take)[-1] == "segment"


@pytest.mark.parametrize("work", ["work_7", "work_", "7", "work_-1", "work_²", "work_1/../2", ""])
def test_work_that_is_not_there_cannot_be_cancelled(desk: Desk, work: str) -> None:
    take = desk.take("one")
    with pytest.raises(lt.SessionNotFound):
        desk.service.cancel("ann", take, work)
    assert desk.statuses(take) == ["queued"]


def test_a_take_is_finished_when_its_last_work_has_ended(desk: Desk) -> None:
    take = desk.take("one")
    assert desk.service.finish("ann", take).status == "finishing"
    assert "finished" not in desk.types(take)
    with pytest.raises(TakeFinished):
        desk.extend(take, "two")
    desk.roll_all(take)
    assert desk.service.finish("ann", take).status == "finished"
    assert desk.types(take)[-2:] == ["segment", "finished"]
    assert data_of(desk, take, "finished") == [{"num_segments": 1}]
    with pytest.raises(TakeFinished):
        desk.service.rewind("ann", take, 0)
    fork = desk.service.fork("ann", take, 1)
    assert (fork.status, fork.num_segments) == ("open", 1)
    empty = desk.take()
    assert desk.service.finish("ann", empty).status == "finished"
    assert desk.types(empty) == ["finished"]


def test_a_take_is_rewound_when_nothing_is_at_work_on_it(desk: Desk) -> None:
    take = desk.take("one", "two")
    with pytest.raises(TakeBusy):
        desk.service.rewind("ann", take, 0)
    desk.roll_all(take)
    view = desk.service.rewind("ann", take, 1)
    assert (view.num_segments, view.revision) == (1, 3)
    assert data_of(desk, take, "rewound") == [{"num_segments": 1}]
    desk.extend(take, "other")
    assert desk.dispatcher.of(take).expected_revision == 3
    desk.roll_all(take)
    assert desk.prompts(take) == ["one", "other"]
    with pytest.raises(lt.ValidationError):
        desk.service.rewind("ann", take, 3)


def test_a_fork_is_a_take_of_its_own(desk: Desk) -> None:
    take = desk.take("one", "two")
    desk.roll_all(take)
    fork = desk.service.fork("ann", take, 1)
    assert fork.parent == lt.SessionParent(id=take, num_segments=1)
    desk.extend(fork.id, "other")
    desk.roll_all(fork.id)
    assert (desk.prompts(take), desk.prompts(fork.id)) == (["one", "two"], ["one", "other"])
    assert desk.types(fork.id) == ["queued", "started", "segment"]
    desk.service.delete("ann", take)
    assert desk.prompts(fork.id) == ["one", "other"]


def test_nothing_is_left_of_a_take_that_is_deleted(desk: Desk) -> None:
    take, other = desk.take("one", "two"), desk.take("three")
    desk.extend(take, "keyed", key="abc")
    desk.dispatcher.do(desk.dispatcher.of(take))
    desk.settle(take)
    order = desk.dispatcher.of(take)
    kept = desk.rows(other)
    desk.service.delete("ann", take)
    assert desk.dispatcher.asked_to_cancel == [order.id]
    assert desk.events[take][-1].type == "deleted"
    with pytest.raises(lt.SessionNotFound):
        desk.dispatcher.do(order)
    desk.dispatcher.stop(order)
    desk.settle(take)
    assert (desk.rows(take), desk.rows(other)) == ([], kept)
    with pytest.raises(lt.SessionNotFound):
        desk.service.read("ann", take)
    assert [each.id for each in desk.service.list("ann")] == [other]


def test_takes_are_found_by_their_labels_page_by_page(desk: Desk) -> None:
    made = [desk.service.create("ann", labels={"show": str(n % 2)}).id for n in range(5)]
    desk.service.create("bob", labels={"show": "0"})
    assert [each.id for each in desk.service.list("ann")] == sorted(made)
    even = desk.service.list("ann", labels={"show": "0"})
    assert {each.id for each in even} == {made[0], made[2], made[4]}
    assert {tuple(each.labels.items()) for each in even} == {(("show", "0"),)}
    page = desk.service.list("ann", limit=2)
    rest = desk.service.list("ann", after=page[-1].id)
    assert [each.id for each in [*page, *rest]] == sorted(made)
    with pytest.raises(lt.ValidationError, match="reserved|server's"):
        desk.service.create("ann", labels={"longtake-serve.tenant": "bob"})
    with pytest.raises(lt.ValidationError, match="server's"):
        desk.service.list("ann", labels={"longtake-serve.tenant": "bob"})


ALL: dict[str, Callable[[TakeService, str], object]] = {
    "read": lambda s, take: s.read("bob", take),
    "extend": lambda s, take: s.extend("bob", take, asked("x")),
    "work": lambda s, take: s.work("bob", take),
    "cancel": lambda s, take: s.cancel("bob", take),
    "fork": lambda s, take: s.fork("bob", take, 0),
    "rewind": lambda s, take: s.rewind("bob", take, 0),
    "finish": lambda s, take: s.finish("bob", take),
    "delete": lambda s, take: s.delete("bob", take),
    "state": lambda s, take: s.state("bob", take),
    "export": lambda s, take: s.export("bob", take, "take.zip"),
    "segments": lambda s, take: s.segments("bob", take),
    "media": lambda s, take: s.media("bob", take, 0),
    "events": lambda s, take: s.events("bob", take),
    "listen": lambda s, take: s.listen("bob", take, print),
}
"""All that is asked of one take, by another tenant."""


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("was_used", [False, True])
def test_another_tenants_take_is_as_one_that_is_not_there(
    desk: Desk, name: str, was_used: bool
) -> None:
    take = desk.take(*["one"] * was_used)
    before = desk.rows(take)
    call = ALL[name]
    with pytest.raises(lt.SessionNotFound) as theirs:
        call(desk.service, take)
    absent = take[::-1]
    with pytest.raises(lt.SessionNotFound) as nobodys:
        call(desk.service, absent)
    assert str(theirs.value).replace(take, absent) == str(nobodys.value)
    assert desk.rows(take) == before
    assert not Path("take.zip").exists()


@pytest.mark.parametrize("take", ["", "../x", "a/b", "x" * 129, "täke", "a\x00"])
def test_what_is_no_id_is_not_there(desk: Desk, take: str) -> None:
    with pytest.raises(lt.SessionNotFound):
        desk.service.extend("ann", take, asked("x"))


def test_a_tenant_has_only_so_many_takes() -> None:
    desk = Desk(limits=ServeLimits(sessions=2))
    first = desk.take("one")
    desk.roll_all(first)
    desk.take()
    more: tuple[Callable[[], object], ...] = (
        lambda: desk.service.create("ann"),
        lambda: desk.service.fork("ann", first, 1),
    )
    for one_more in more:
        with pytest.raises(LimitExceeded) as caught:
            one_more()
        assert caught.value.path == "sessions"
    desk.service.create("bob")
    desk.service.delete("ann", first)
    desk.service.create("ann")
    desk.service.close()


@pytest.mark.parametrize(
    ("limits", "request_", "path"),
    [
        (ServeLimits(queue=1), asked("x"), "queue"),
        (ServeLimits(segments=1), asked("x"), "segments"),
        (ServeLimits(prompt_characters=3), asked("long"), "prompt"),
        (
            ServeLimits(prompt_characters=3),
            asked("x") | {"negative_prompt": "long"},
            "negative_prompt",
        ),
        (ServeLimits(pixels=255), asked("x"), "sampling.height"),
        (ServeLimits(pixels=255), {"prompt": "x", "sampling": {"width": 256}}, "sampling.width"),
    ],
)
def test_what_is_too_much_is_refused_with_its_path(
    limits: ServeLimits, request_: dict[str, Any], path: str
) -> None:
    desk = Desk(limits=limits)
    take = desk.service.create("ann").id
    if path in ("queue", "segments"):
        desk.extend(take, "y")
    before = desk.rows(take)
    with pytest.raises(LimitExceeded) as caught:
        desk.service.extend("ann", take, request_)
    assert caught.value.path == path
    assert desk.rows(take) == before
    desk.service.close()


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({}, "prompt"),
        ({"prompt": "x", "blobs": "file:///etc"}, "blobs"),
        ({"prompt": "x", "sampling": {"seed": -1}}, "sampling.seed"),
        ({"prompt": "x", "stage_overrides": {"swing": {"steps": float("nan")}}}, ""),
        ({"prompt": "\ud800"}, "prompt"),
        ([], ""),
        ({"prompt": "x", "state": {"kind": "pendulum.v1", "payload": {}}}, "state"),
    ],
)
def test_a_wrong_request_is_refused_before_it_is_queued(
    desk: Desk, request_: Any, path: str
) -> None:
    take = desk.take()
    with pytest.raises(lt.ValidationError) as caught:
        desk.service.extend("ann", take, request_)
    assert caught.value.path == path
    assert desk.rows(take) == []


@pytest.mark.parametrize("depth", [40, 900, 100_000])
def test_a_request_that_is_nested_too_deeply_is_refused(desk: Desk, depth: int) -> None:
    take = desk.take()
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    with pytest.raises(LimitExceeded, match="nested"):
        desk.service.extend(
            "ann", take, {"prompt": "x", "stage_overrides": {"swing": {"steps": nested}}}
        )
    assert desk.rows(take) == []


@pytest.mark.parametrize("name", [each.name for each in attrs.fields(ServeLimits)])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "9"])
def test_limits_are_numbers_from_one(name: str, value: Any) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        ServeLimits(**{name: value})
    assert caught.value.path == name


def test_a_request_is_checked_by_who_can_say_what_can_be_rolled() -> None:
    sessions = lt.open_session_store("memory:")

    def check(request: lt.GenerationRequest) -> None:
        raise lt.ValidationError("sampling.num_frames", "is no good")

    service = TakeService(
        sessions, None, ScriptedDispatcher(sessions, None), family="f", preset="p@1", check=check
    )
    take = service.create("ann").id
    with pytest.raises(lt.ValidationError, match="is no good"):
        service.extend("ann", take, asked("x"))
    service.close()


def test_a_take_goes_to_another_server_as_a_file(tmp_path: Path) -> None:
    here, there = (Desk(blobs=lt.open_blob_store("memory:")) for _ in range(2))
    take = here.service.create("ann", labels={"show": "sea"}).id
    here.extend(take, "one")
    here.roll_all(take)
    here.service.export("ann", take, tmp_path / "take.zip")
    view = there.service.import_("ann", tmp_path / "take.zip")
    assert (view.num_segments, view.labels, view.parent) == (1, {"show": "sea"}, None)
    assert view.id != take
    there.extend(view.id, "two")
    there.roll_all(view.id)
    assert there.prompts(view.id) == ["one", "two"]
    bobs = there.service.import_("bob", tmp_path / "take.zip")
    assert [each.id for each in there.service.list("bob")] == [bobs.id]
    assert there.service.media("bob", bobs.id, 0) in (there.blobs or ())
    with pytest.raises(lt.SessionNotFound):
        there.service.media("bob", bobs.id, 1)
    here.service.close()
    there.service.close()


def test_what_is_not_for_this_server_is_not_imported(tmp_path: Path) -> None:
    desk = Desk(blobs=lt.open_blob_store("memory:"))
    take = desk.take("one", "two")
    desk.roll_all(take)
    path = tmp_path / "take.zip"
    desk.service.export("ann", take, path)
    for limits, wrong in (
        (ServeLimits(segments=1), "segments"),
        (ServeLimits(upload_bytes=100), "file"),
    ):
        other = Desk(blobs=lt.open_blob_store("memory:"), limits=limits)
        with pytest.raises(LimitExceeded) as caught:
            other.service.import_("ann", path)
        assert caught.value.path == wrong
        assert other.service.list("ann") == []
        other.service.close()
    desk.service.close()
    sessions = lt.open_session_store("memory:")
    fogs = TakeService(
        sessions,
        lt.open_blob_store("memory:"),
        ScriptedDispatcher(sessions, None),
        family="fog",
        preset="thin@1",
    )
    with pytest.raises(lt.ValidationError) as refused:
        fogs.import_("ann", path)
    assert refused.value.path == "session.family"
    assert fogs.list("ann") == []
    with pytest.raises(lt.LongtakeError):
        fogs.import_("ann", tmp_path / "missing.zip")
    fogs.close()


def test_only_the_last_events_and_pieces_of_work_are_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longtake_serve.takes.book.KEPT", 5)
    take = desk.take()
    for number in range(8):
        desk.extend(take, "x", key=str(number))
        desk.service.cancel("ann", take)
        desk.dispatcher.stop(desk.dispatcher.of(take))
        desk.settle(take)
    assert [each.id for each in desk.works(take)] == [f"work_{n}" for n in range(4, 9)]
    assert [each.id for each in desk.service.events("ann", take)] == list(range(12, 17))
    assert len([key for key in desk.rows(take) if key.startswith("serve/key/")]) == 5
    assert desk.extend(take, "x", key="7").id == "work_8"
    assert desk.extend(take, "x", key="0").id == "work_9"


def test_a_store_that_keeps_no_rows_for_others_is_refused() -> None:
    class Other:
        pass

    store: Any = Other()
    with pytest.raises(lt.ValidationError) as caught:
        TakeService(store, None, ScriptedDispatcher(store, None), family="f", preset="p@1")
    assert caught.value.path == "sessions"
    assert "sqlite:" in str(caught.value)


def test_a_service_that_is_drained_takes_nothing_and_keeps_what_waits(desk: Desk) -> None:
    take = desk.take("one", "two")
    assert not desk.service.drain(0.1)
    for refused in (lambda: desk.extend(take, "three"), lambda: desk.service.create("ann")):
        with pytest.raises(ServiceClosed):
            refused()
    desk.dispatcher.do(desk.dispatcher.of(take))
    assert desk.service.drain(10)
    assert desk.statuses(take) == ["done", "queued"]
    assert desk.service.capacity().draining
    desk.service.cancel("ann", take)
    assert TINY["seed"] == desk.service.segments("ann", take)[0].request["sampling"]["seed"]
