"""`longtake.roll_each`: a segment is made while the one before is kept; all else as by `roll`."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any

import pytest
from attrs import evolve

import longtake as lt
from longtake.testing.dispatchers.family import STEPS
from tests.sdk.sessions.rooms import Counting, Grumpy, Room, asked, fog, room
from tests.sdk.toy_family import FOG, Clean, Noisy

__all__ = ["room"]

WAIT = 60.0
"""Seconds after which something hangs; nothing waits so long otherwise."""

PROMPTS = ("mist", "fog", "rain", "haze")

in_memory = pytest.mark.parametrize("room", ["memory-memory"], indirect=True)
"""Of what no store makes a difference to."""


def each_of(
    room: Room, pipeline: lt.Pipeline, prompts: Any = PROMPTS, **how: Any
) -> Iterator[lt.RolledSegment]:
    how = {"blobs": room.blobs, "sessions": room.sessions} | how
    requests = (asked(each) if isinstance(each, str) else each for each in prompts)
    return lt.roll_each(how.pop("sessions"), "s", requests, pipeline=pipeline, **how)


def truth(*prompts: str) -> list[tuple[str, str | None]]:
    """The step and state digests of segments that `roll` rolls, one after another."""
    sessions, blobs = lt.open_session_store("memory:"), lt.open_blob_store("memory:")
    sessions.create("s", family="fog", preset="thin@1")
    with fog() as pipeline:
        for prompt in prompts:
            lt.roll(sessions, "s", asked(prompt), pipeline=pipeline, blobs=blobs)
    return [(each.step, each.state_digest) for each in sessions.history("s")]


def digests(room: Room) -> list[tuple[str, str | None]]:
    return [(each.step, each.state_digest) for each in room.sessions.history("s")]


def check_nothing_left(room: Room) -> None:
    """But the session and its blobs."""
    room.check_whole()
    assert room.leftovers() == []
    needed = {blob_id for each in room.sessions.history("s") for blob_id in each.blob_ids}
    assert set(room.blobs_there()) == needed


class Keeping:
    """A media sink that does something with each segment before it keeps it as `BlobMedia` does.

    ``finishes``: it makes the end of the take first.
    """

    def __init__(self, act: Callable[[int], object], *, finishes: bool = False) -> None:
        self.never_finishes = not finishes
        self._act = act

    def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> Sequence[str]:
        if not self.never_finishes and made.finish is not None:
            made.finish()
        self._act(made.index)
        return lt.BlobMedia().keep(made, blobs) if blobs is not None else ()


class Runs:
    """An observer: ``begun`` of each run by its segment, and how it ended."""

    def __init__(self) -> None:
        self.begun = [threading.Event() for _ in range(9)]
        self.ended: list[tuple[int, str]] = []
        self._running: dict[str, int] = {}

    def __call__(self, event: lt.RunEvent) -> None:
        if event.purpose != "segment":
            return
        if isinstance(event, lt.RunStarted):
            index = self._running[event.run_id] = len(self._running)
            self.begun[index].set()
        elif isinstance(event, lt.RunEnded):
            self.ended.append((self._running[event.run_id], event.outcome))


def waits_for_the_next(runs: Runs, count: int = len(PROMPTS)) -> Callable[[int], None]:
    """That the segment after the one which is kept is begun."""

    def act(index: int) -> None:
        assert index == count - 1 or runs.begun[index + 1].wait(WAIT)

    return act


class Gate:
    """Holds segments from number ``first`` on at each of their steps until it is opened.

    ``runs``: observes all of them.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self.opened, self.entered = threading.Event(), threading.Event()
        self.runs = Runs()

    def pipeline(self) -> lt.Pipeline:
        gate = self

        class Held:
            def __call__(self, noisy: Noisy, job: lt.Job, run: lt.Run) -> Clean:
                for _ in run.steps(2):
                    if job.segment_index >= gate._first:
                        gate.entered.set()
                        limit = time.monotonic() + WAIT
                        while not gate.opened.wait(0.005) and time.monotonic() < limit:
                            run.check_cancelled()
                return Clean(noisy.values)

        prepare, _, *others = FOG.stages
        family = FOG.evolve(stages=(prepare, lt.StageSpec("denoise", Held), *others))
        return lt.Pipeline(family, observers=[self.runs])


def test_segments_are_those_that_roll_rolls(room: Room) -> None:
    with fog() as pipeline:
        rolled = list(each_of(room, pipeline))
        plain = lt.Session(pipeline, overlap_frames=3)
        for prompt, each in zip(PROMPTS, rolled, strict=True):
            assert each.result is not None
            assert (each.result.frames == plain.extend(prompt).frames).all()
    assert all(each.is_new for each in rolled)
    assert digests(room) == truth(*PROMPTS)
    assert [each.segment for each in rolled] == room.sessions.history("s")
    assert rolled[-1].session == room.sessions.read("s")
    check_nothing_left(room)


@pytest.mark.parametrize(
    ("family", "finishes"),
    [(FOG, False), (FOG, True), (STEPS, True)],
    ids=["not finishing", "finishing", "holding nothing back"],
)
def test_the_next_segment_is_made_while_one_is_kept(family: lt.ModelFamily, finishes: bool) -> None:
    sessions, runs = lt.open_session_store("memory:"), Runs()
    sessions.create("s", family=family.name, preset="")
    media = Keeping(waits_for_the_next(runs), finishes=finishes)
    with lt.Pipeline(family, observers=[runs]) as pipeline:
        rolled = lt.roll_each(sessions, "s", map(asked, PROMPTS), pipeline=pipeline, media=media)
        assert [each.segment.index for each in rolled] == [0, 1, 2, 3]


@pytest.mark.parametrize("finishes", [False, True])
def test_one_thread_makes_all_segments_and_is_over_with_the_last(finishes: bool) -> None:
    """A thread that has computed makes others slow as long as it lives."""
    sessions, makers = lt.open_session_store("memory:"), set[threading.Thread]()
    sessions.create("s", family="fog", preset="")
    media = Keeping(lambda index: None, finishes=finishes)
    with lt.Pipeline(FOG, observers=[lambda _: makers.add(threading.current_thread())]) as pipeline:
        rolled = lt.roll_each(sessions, "s", map(asked, PROMPTS), pipeline=pipeline, media=media)
        assert len(list(rolled)) == 4
    (maker,) = makers
    assert maker is not threading.current_thread()
    assert not maker.is_alive()


def test_one_that_finishes_without_saying_has_the_pipeline_first() -> None:
    """The next segment waits, for the end of the take is made with the same networks."""

    class Silent:
        def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> tuple[str, ...]:
            assert not runs.begun[made.index + 1].wait(0.05)
            assert made.finish is not None
            made.finish()
            assert made.index == 3 or runs.begun[made.index + 1].wait(WAIT)
            return ()

    sessions, runs = lt.open_session_store("memory:"), Runs()
    sessions.create("s", family="fog", preset="")
    with lt.Pipeline(FOG, observers=[runs]) as pipeline:
        rolled = lt.roll_each(sessions, "s", map(asked, PROMPTS), pipeline=pipeline, media=Silent())
        assert len(list(rolled)) == 4


def test_at_most_one_finished_segment_waits() -> None:
    """When a segment begins, only the one before it is in memory, and that is being kept."""
    sessions, results = lt.open_session_store("memory:"), list[Any]()
    sessions.create("s", family="fog", preset="")
    alive: list[list[int]] = []

    class Watching:
        never_finishes = True

        def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> tuple[str, ...]:
            results.append(weakref.ref(made.result))
            assert made.index == 3 or runs.begun[made.index + 1].wait(WAIT)
            alive.append([index for index, each in enumerate(results) if each() is not None])
            return ()

    runs = Runs()
    with lt.Pipeline(FOG, observers=[runs]) as pipeline:
        for rolled in lt.roll_each(
            sessions, "s", map(asked, PROMPTS), pipeline=pipeline, media=Watching()
        ):
            assert rolled.result is not None
            del rolled
    assert alive == [[0], [1], [2], [3]]


@in_memory
def test_a_segment_is_handed_out_as_soon_as_it_is_committed(room: Room) -> None:
    gate = Gate(1)
    with gate.pipeline() as pipeline:
        rolled = each_of(room, pipeline)
        first = next(rolled)
        assert gate.entered.wait(WAIT)
        assert room.sessions.history("s") == [first.segment]
        gate.opened.set()
        assert [each.segment.index for each in rolled] == [1, 2, 3]
    check_nothing_left(room)


def test_the_claim_goes_on_with_each_commit(room: Room) -> None:
    gate, expected = Gate(1), truth(*PROMPTS)
    with gate.pipeline() as pipeline:
        rolled = each_of(room, pipeline)
        next(rolled)
        assert gate.entered.wait(WAIT)
        claim = room.sessions.begin("s", "another step", holder="another", for_seconds=1)
        gate.opened.set()
        list(rolled)
    assert (claim.granted, claim.step) == (False, room.sessions.history("s")[1].step)
    assert claim.step != expected[0][0]
    check_nothing_left(room)


@in_memory
def test_whoever_waits_for_a_segment_gets_it_while_the_next_one_is_made(room: Room) -> None:
    gate, runs, others = Gate(0), Counting(), list[lt.RolledSegment]()
    with gate.pipeline() as pipeline, lt.Pipeline(FOG, observers=[runs]) as idle:
        rolled = each_of(room, pipeline, PROMPTS[:2])
        first: list[lt.RolledSegment] = []
        making = threading.Thread(target=lambda: first.append(next(rolled)))
        making.start()
        assert gate.entered.wait(WAIT)
        waiting = threading.Thread(
            target=lambda: others.append(room.roll(idle, PROMPTS[0], expected_revision=0))
        )
        waiting.start()
        threading.Timer(0.3, gate.opened.set).start()
        making.join(WAIT)
        gate.opened.clear()
        waiting.join(WAIT)  # the second segment may or may not have been made by now
        gate.opened.set()
        list(rolled)
    assert [each.segment for each in others] == [each.segment for each in first]
    assert (others[0].is_new, runs.count) == (False, 0)


def overtaking(room: Room, index: int, *prompts: str) -> Callable[[int], None]:
    """Another worker, which hurries while segment ``index`` is being kept."""

    def act(kept: int) -> None:
        if kept == index:
            with fog() as quick:
                for prompt in prompts:
                    room.roll(quick, prompt, claim_seconds=0.01, wait_seconds=0.01)

    return act


def test_another_segment_is_a_conflict_that_leaves_nothing_of_the_next(room: Room) -> None:
    gate, other = Gate(2), overtaking(room, 1, "snow")

    def act(index: int) -> None:
        assert index == 0 or gate.entered.wait(WAIT)  # the third one is at its first step
        other(index)

    with gate.pipeline() as pipeline:
        rolled = each_of(room, pipeline, media=Keeping(act), claim_seconds=0.01)
        assert next(rolled).segment.index == 0
        with pytest.raises(lt.Conflict):
            next(rolled)
        assert gate.runs.ended[-1] == (2, "cancelled")  # nobody had let it go on
        assert list(rolled) == []
        assert digests(room) == truth("mist", "snow")
        check_nothing_left(room)
        gate.opened.set()
        assert room.roll(pipeline, "fog").is_new


def test_the_same_step_of_another_worker_comes_back_and_the_next_is_made_anew(room: Room) -> None:
    media = Keeping(overtaking(room, 1, "fog"))
    with fog() as pipeline:
        rolled = list(each_of(room, pipeline, media=media, claim_seconds=0.01))
    assert [(each.segment.index, each.is_new) for each in rolled] == [
        (0, True), (1, False), (2, True), (3, True),
    ]  # fmt: skip
    assert rolled[1].result is None
    assert digests(room) == truth(*PROMPTS)
    check_nothing_left(room)


@in_memory
def test_another_worker_with_the_same_requests_may_be_far_ahead(room: Room) -> None:
    media = Keeping(overtaking(room, 1, "fog", "rain"))
    with fog() as pipeline:
        rolled = list(each_of(room, pipeline, media=media, claim_seconds=0.01))
        again = list(each_of(room, pipeline, ("haze", "mist"), expected_revision=3))
        with pytest.raises(lt.Conflict):
            next(each_of(room, pipeline, ("haze",), expected_revision=3))
        with pytest.raises(lt.Conflict):  # one that is not the last is not looked for
            next(each_of(room, pipeline, ("rain",), expected_revision=2))
    assert [each.is_new for each in rolled] == [True, False, False, True]
    assert [each.is_new for each in again] == [False, True]
    assert digests(room) == truth(*PROMPTS, "mist")
    check_nothing_left(room)


def test_workers_with_the_same_requests_commit_each_segment_once(room: Room) -> None:
    told: list[list[lt.RolledSegment]] = [[], [], []]

    def work(index: int) -> None:
        with fog() as pipeline, suppress(lt.Conflict):  # of one that comes too late
            told[index] += each_of(room, pipeline, repeat("mist", 6), expected_revision=0)

    workers = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(WAIT)
    history = room.sessions.history("s")
    assert len(history) == 6
    assert any(told)
    for each in told:
        assert [rolled.segment for rolled in each] in ([], history)
    new = [rolled.segment.attempt for each in told for rolled in each if rolled.is_new]
    assert sorted(new) == sorted(each.attempt for each in history)
    assert digests(room) == truth(*["mist"] * 6)
    check_nothing_left(room)


class Lost(Exception):
    """Of a store of the tests."""


@pytest.mark.parametrize("what", ["media", "blobs"])
def test_what_cannot_be_kept_leaves_those_before_it_and_nothing_of_the_next(
    room: Room, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, put = Gate(2), room.blobs.put

    def fail(*given: Any, **how: Any) -> str:
        if what == "blobs" and gate.entered.is_set():
            raise lt.BlobStoreFull("full")
        blob_id: str = put(*given, **how)
        return blob_id

    def act(index: int) -> None:
        assert index == 0 or gate.entered.wait(WAIT)
        if index == 1 and what == "media":
            raise Lost

    monkeypatch.setattr(room.blobs, "put", fail)
    with gate.pipeline() as pipeline:
        rolled = each_of(room, pipeline, media=Keeping(act))
        assert next(rolled).segment.index == 0
        with pytest.raises(Lost if what == "media" else lt.BlobStoreFull):
            next(rolled)
        assert gate.runs.ended[-1] == (2, "cancelled")
        assert len(room.sessions.history("s")) == 1
        check_nothing_left(room)
        monkeypatch.undo()
        gate.opened.set()
        list(each_of(room, pipeline, PROMPTS[1:]))
    assert len(room.sessions.history("s")) == 4


@in_memory
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(0, 24, 3))
def test_a_store_that_goes_away_and_comes_back_loses_and_doubles_nothing(
    room: Room, when: str, nth: int
) -> None:
    sessions = lt.RowSessionStore(Grumpy(room.rows, fails={nth}, after=when == "after"))
    with fog() as pipeline:
        rolled = list(each_of(room, pipeline, PROMPTS[:3], sessions=sessions))
    assert all(each.is_new for each in rolled)
    assert digests(room) == truth(*PROMPTS[:3])
    room.check_whole()


@in_memory
def test_one_that_cannot_be_made_is_said_when_those_before_it_are_handed_out(room: Room) -> None:
    even = lt.GenerationRequest("fog", sampling=lt.Sampling(num_frames=4))
    with_state = evolve(asked("fog"), state=lt.ContinuationState("fog.v1", {}))
    with fog() as pipeline:
        for index, wrong in enumerate((even, with_state)):
            rolled = each_of(room, pipeline, ("mist", wrong, "rain"))
            assert next(rolled).segment.index == index
            with pytest.raises(lt.ValidationError):
                next(rolled)
            check_nothing_left(room)


@in_memory
def test_what_is_cancelled_stops_and_what_is_finished_is_committed(room: Room) -> None:
    gate, cancelled = Gate(2), threading.Event()

    def act(index: int) -> None:
        if index == 1:
            assert gate.entered.wait(WAIT)
            cancelled.set()

    with gate.pipeline() as pipeline:
        rolled = each_of(room, pipeline, media=Keeping(act), cancel=cancelled.is_set)
        assert [next(rolled).segment.index for _ in range(2)] == [0, 1]
        with pytest.raises(lt.Cancelled):
            next(rolled)
    assert digests(room) == truth("mist", "fog")
    check_nothing_left(room)


def test_what_is_not_handed_out_is_not_committed(room: Room) -> None:
    gate = Gate(1)
    with gate.pipeline() as pipeline:
        rolled = each_of(room, pipeline)
        next(rolled)
        assert gate.entered.wait(WAIT)
        rolled.close()  # type: ignore[attr-defined]
        assert gate.runs.ended[-1] == (1, "cancelled")
        assert digests(room) == truth("mist")
        check_nothing_left(room)
        gate.opened.set()
        ready = threading.Event()
        for each in each_of(room, pipeline, ("fog", "rain"), follow=ends(ready, 2)):
            assert ready.wait(WAIT)  # the third segment is finished and waits
            assert each.segment.index == 1
            break
    assert digests(room) == truth("mist", "fog")


def ends(over: threading.Event, count: int) -> Callable[[lt.Event], None]:
    """What follows segments and says when so many have ended."""
    finals: list[lt.Event] = []

    def follow(event: lt.Event) -> None:
        if isinstance(event, lt.Final):
            finals.append(event)
            if len(finals) == count:
                over.set()

    return follow


@in_memory
def test_a_request_that_is_late_keeps_nobody_waiting(room: Room) -> None:
    """The segment before it is committed and handed out, and nobody has a claim meanwhile."""
    may_come = threading.Event()

    def requests() -> Iterator[str]:
        yield "mist"
        assert may_come.wait(WAIT)
        yield "fog"

    runs = Counting()
    with lt.Pipeline(FOG, observers=[runs]) as pipeline:
        rolled = each_of(room, pipeline, requests())
        assert next(rolled).segment.index == 0
        assert room.leftovers() == []
        may_come.set()
        assert [each.segment.index for each in rolled] == [1]
        assert runs.count == 2
        may_come.clear()
        late = each_of(room, pipeline, requests())
        next(late)
        room.roll(pipeline, "fog")  # another worker, which has the same request at once
        may_come.set()
        assert [each.is_new for each in late] == [False]
    assert digests(room) == truth("mist", "fog", "mist", "fog")


@in_memory
def test_it_stops_without_a_request_that_never_comes(room: Room) -> None:
    for_ever = threading.Event()

    def requests() -> Iterator[str]:
        yield "mist"
        for_ever.wait(WAIT)

    with fog() as pipeline:
        rolled = each_of(room, pipeline, requests())
        next(rolled)
        rolled.close()  # type: ignore[attr-defined]
    for_ever.set()
    check_nothing_left(room)


@in_memory
def test_what_asking_for_a_request_raises_comes_after_the_segments(room: Room) -> None:
    def requests() -> Iterator[str]:
        yield "mist"
        raise Lost

    with fog() as pipeline:
        rolled = each_of(room, pipeline, requests())
        assert next(rolled).is_new
        with pytest.raises(Lost):
            next(rolled)
        assert list(each_of(room, pipeline, ())) == []
    check_nothing_left(room)


@in_memory
@pytest.mark.parametrize("revision", [-1, "0"])
def test_what_is_wrong_is_refused_at_once(room: Room, revision: Any) -> None:
    with fog() as pipeline:
        with pytest.raises(lt.ValidationError, match="expected_revision"):
            each_of(room, pipeline, expected_revision=revision)
        with pytest.raises(lt.ValidationError, match="claim_seconds"):
            each_of(room, pipeline, claim_seconds=0)
        with pytest.raises(lt.ValidationError, match="traceparent"):
            each_of(room, pipeline, traceparent="x")
