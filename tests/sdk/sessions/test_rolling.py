"""`longtake.roll`: a step is made once, kept whole, and leaves nothing when it fails."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt
from longtake.testing.dispatchers.family import STEPS
from tests.sdk.sessions.rooms import Counting, Grumpy, Room, asked, fog, room
from tests.sdk.toy_family import FOG

__all__ = ["room"]


def test_a_segment_is_committed_with_state_media_and_what_made_it(
    room: Room, tmp_path: Path
) -> None:
    with fog() as pipeline:
        rolled = room.roll(pipeline, "mist", worker="w1")
    segment = rolled.segment
    assert rolled.is_new
    assert rolled.session == room.sessions.read("s")
    assert (rolled.session.revision, rolled.session.num_segments, segment.index) == (1, 1, 0)
    assert (segment.made_by, segment.request["prompt"], segment.seconds) == ("w1", "mist", 9 / 24)
    assert segment.versions["longtake"] == lt.__version__
    assert rolled.result is not None
    assert rolled.result.state == rolled.session.state
    (tmp_path / "part.mkv").write_bytes(room.blobs.get(segment.media[0]))
    record = lt.read_take_record(tmp_path / "part.mkv")
    assert [(each.index, each.frames) for each in record.segments] == [(0, 9)]
    assert set(segment.blob_ids) == set(room.blobs_there())


class Telling:
    """A media sink that tells what it does, and makes the end of the take if it is to."""

    def __init__(self, told: list[str], *, finishes: bool) -> None:
        self._told = told
        self._finishes = finishes

    def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> tuple[str, ...]:
        if self._finishes and made.finish is not None:
            made.finish()
            self._told.append("finished")
        self._told.append("kept")
        return ()


@pytest.mark.parametrize(
    ("family", "finishes", "expected"),
    [
        (FOG, True, ["made", "finished", "kept"]),
        (FOG, False, ["kept", "made"]),
        (STEPS, True, ["made", "kept"]),
    ],
    ids=["finishing", "not finishing", "holding nothing back"],
)
def test_it_tells_as_soon_as_the_pipeline_has_done_its_part(
    family: lt.ModelFamily, finishes: bool, expected: list[str]
) -> None:
    sessions, told = lt.open_session_store("memory:"), list[str]()
    sessions.create("s", family=family.name, preset="")
    with lt.Pipeline(family) as pipeline:
        lt.roll(
            sessions,
            "s",
            "mist",
            pipeline=pipeline,
            media=Telling(told, finishes=finishes),
            made=lambda: told.append("made"),
        )
        with pytest.raises(lt.ValidationError):
            lt.roll(
                sessions,
                "s",
                lt.GenerationRequest("mist", sampling=lt.Sampling(height=-1)),
                pipeline=pipeline,
                made=lambda: told.append("made"),
            )
    assert told == expected


def test_segments_are_those_of_a_session_in_one_process(room: Room) -> None:
    with fog() as pipeline:
        plain = lt.Session(pipeline, overlap_frames=3)
        for prompt in ("mist", "fog", "rain"):
            expected = plain.extend(prompt)
            rolled = room.roll(pipeline, prompt)
            assert rolled.result is not None
            assert (rolled.result.frames == expected.frames).all()
            assert rolled.result.audio is not None
            assert expected.audio is not None
            assert np.array_equal(rolled.result.audio, expected.audio)
            assert plain.state is not None
            assert rolled.session.state is not None
            inline = pipeline.restore(rolled.session.state, blobs=room.blobs).value()
            assert inline == pipeline.restore(plain.state).value()


def test_the_step_that_was_committed_comes_back(room: Room) -> None:
    with fog() as pipeline:
        first = room.roll(pipeline, "mist")
        second = room.roll(pipeline, "mist", expected_revision=1)
        again = room.roll(pipeline, "mist", expected_revision=1)
    assert second.segment.step != first.segment.step  # it goes on from another state
    assert not again.is_new
    assert again.result is None
    assert again.segment == second.segment
    assert room.sessions.read("s").num_segments == 2


@pytest.mark.parametrize("follow", [None, lambda event: None])
def test_what_is_not_admitted_is_not_made(room: Room, follow: Any) -> None:
    jobs = list[lt.Job]()

    def admit(job: lt.Job) -> None:
        jobs.append(job)
        if job.sampling.num_frames > 9:
            raise lt.ValidationError("sampling.num_frames", "must be at most 9 here")

    with fog() as pipeline:
        room.roll(pipeline, "mist", admit=admit, follow=follow)
        long = lt.GenerationRequest("mist", sampling=lt.Sampling(num_frames=17))
        with pytest.raises(lt.ValidationError, match="at most 9 here"):
            room.roll(pipeline, long, admit=admit, follow=follow)
    assert [job.sampling.num_frames for job in jobs] == [9, 17]
    assert room.sessions.read("s").num_segments == 1


@pytest.mark.parametrize("revision", [-1, 0.5, "0", True])
def test_what_is_no_revision_is_refused(room: Room, revision: Any) -> None:
    with fog() as pipeline, pytest.raises(lt.ValidationError, match="expected_revision"):
        room.roll(pipeline, "mist", expected_revision=revision)
    assert room.sessions.read("s").num_segments == 0


@pytest.mark.parametrize("changed", ["prompt", "seed", "further"])
def test_another_step_is_a_conflict_that_leaves_nothing(room: Room, changed: str) -> None:
    with fog() as pipeline:
        room.roll(pipeline, "mist")
        if changed == "further":
            room.roll(pipeline, "mist")
    there = room.blobs_there()
    request = lt.GenerationRequest(
        "fog" if changed == "prompt" else "mist",
        output=lt.Output(overlap_frames=3),
        sampling=lt.Sampling(seed=9 if changed == "seed" else None),
    )
    with fog() as pipeline, pytest.raises(lt.Conflict) as conflict:
        room.roll(pipeline, request, expected_revision=0)
    assert conflict.value.revision == (2 if changed == "further" else 1)
    assert room.blobs_there() == there


def test_the_loser_of_a_race_gets_the_winners_segment_or_a_conflict(room: Room) -> None:
    """The other one commits while this one generates."""
    for prompt, same in (("mist", True), ("rain", False)):
        room.renew()

        winners: list[lt.RolledSegment] = []

        def overtake(event: lt.RunEvent, other: str = prompt, won: Any = winners) -> None:
            if isinstance(event, lt.SegmentDone):
                with fog() as quick:
                    won.append(room.roll(quick, other, claim_seconds=0.01))

        with lt.Pipeline(FOG, observers=[overtake]) as slow:
            if same:
                lost = room.roll(slow, "mist", claim_seconds=0.01)
                assert (lost.is_new, lost.segment) == (False, winners[0].segment)
            else:
                with pytest.raises(lt.Conflict):
                    room.roll(slow, "mist", claim_seconds=0.01)
        assert set(room.blobs_there()) == set(winners[0].segment.blob_ids)
        assert room.leftovers() == []


def test_whoever_finds_a_claim_waits_and_gets_the_segment_without_the_work(room: Room) -> None:
    runs = Counting()
    at_work, go_on = threading.Event(), threading.Event()

    def hold_up(event: lt.RunEvent) -> None:
        if isinstance(event, lt.SegmentDone):
            at_work.set()
            assert go_on.wait(30)

    first: list[lt.RolledSegment] = []
    with lt.Pipeline(FOG, observers=[hold_up]) as one, lt.Pipeline(FOG, observers=[runs]) as two:
        other = threading.Thread(target=lambda: first.append(room.roll(one, "mist")))
        other.start()
        assert at_work.wait(30)
        threading.Timer(0.3, go_on.set).start()
        second = room.roll(two, "mist")
        other.join()
    assert not second.is_new
    assert second.segment == first[0].segment
    assert runs.count == 0


def test_a_claim_that_ended_without_a_segment_keeps_nobody(room: Room) -> None:
    if not isinstance(room.sessions, lt.SupportsClaims):
        pytest.skip("the store knows no claims")
    room.sessions.begin("s", "step", holder="somebody who died", for_seconds=0.4)
    with fog() as pipeline:
        assert room.roll(pipeline, "mist").is_new


def test_a_worker_that_hangs_with_its_claim_keeps_nobody_and_commits_nothing(room: Room) -> None:
    at_work, go_on = threading.Event(), threading.Event()

    def hang(event: lt.RunEvent) -> None:
        if isinstance(event, lt.SegmentDone):
            at_work.set()
            assert go_on.wait(60)

    came_back: list[lt.RolledSegment] = []
    with lt.Pipeline(FOG, observers=[hang]) as one, fog() as two:
        other = threading.Thread(
            target=lambda: came_back.append(room.roll(one, "mist", claim_seconds=0.2))
        )
        other.start()
        assert at_work.wait(30)
        committed = [room.roll(two, "mist", wait_seconds=0.5) for _ in range(2)]
        go_on.set()
        other.join()
    assert [each.is_new for each in committed] == [True, True]
    assert not came_back[0].is_new
    assert came_back[0].segment == committed[0].segment
    assert set(room.blobs_there()) == {i for each in committed for i in each.segment.blob_ids}
    room.check_whole()
    assert room.leftovers() == []


def test_waiting_for_a_claim_can_be_cancelled(room: Room) -> None:
    if not isinstance(room.sessions, lt.SupportsClaims):
        pytest.skip("the store knows no claims")
    room.sessions.begin("s", "step", holder="another", for_seconds=600)
    with fog() as pipeline, pytest.raises(lt.Cancelled):
        room.roll(pipeline, "mist", cancel=lambda: True)


def test_a_cancelled_or_failed_segment_leaves_nothing(room: Room) -> None:
    with fog() as pipeline:
        before = room.roll(pipeline, "mist").session
        there = room.blobs_there()
        with pytest.raises(lt.Cancelled):
            room.roll(pipeline, "fog", cancel=lambda: True)
        with pytest.raises(lt.ValidationError, match=r"sampling\.num_frames"):
            room.roll(pipeline, lt.GenerationRequest("fog", sampling=lt.Sampling(num_frames=4)))
        with pytest.raises(ZeroDivisionError):
            room.roll(pipeline, "fog", media=Breaking())
    assert room.sessions.read("s") == before
    assert room.blobs_there() == there
    assert room.leftovers() == []


class Breaking:
    """Media that are put and then lost."""

    def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> tuple[str, ...]:
        assert blobs is not None
        return (blobs.put(b"half of it"), str(1 / 0))


def test_media_may_be_kept_elsewhere_or_nowhere(room: Room) -> None:
    class Elsewhere:
        def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> tuple[str, ...]:
            return (f"https://example.org/{made.session_id}/{made.index}.mp4",)

    with fog() as pipeline:
        segment = room.roll(pipeline, "mist", media=Elsewhere()).segment
        assert segment.media == ("https://example.org/s/0.mp4",)
        room.renew()
        segment = room.roll(pipeline, "mist", blobs=None).segment
    assert (segment.media, segment.blob_ids) == ((), ())


def test_the_live_state_of_the_last_result_spares_reading(room: Room) -> None:
    with fog() as pipeline:
        rolled = room.roll(pipeline, "mist")
        assert rolled.result is not None
        media = rolled.segment.media[0]
        for blob_id in rolled.segment.blob_ids:
            if blob_id != media:
                room.blobs.drop(blob_id)  # so that nothing can be read
        on = room.roll(pipeline, "fog", live=rolled.result.live_state)
        assert on.is_new
        for blob_id in on.segment.blob_ids:
            room.blobs.drop(blob_id)
        with pytest.raises(lt.BlobNotFound):  # it is of another state, so it is not gone on from
            room.roll(pipeline, "rain", live=rolled.result.live_state)


@pytest.mark.parametrize(
    ("session", "path"),
    [
        ({"family": "rain"}, r"session\.family"),
        ({"family": "fog", "preset": "thick@1"}, r"session\.preset"),
        ({"family": "fog", "preset": "thin@2"}, r"session\.preset"),
    ],
)
def test_a_pipeline_that_does_not_fit_is_refused(
    room: Room, session: dict[str, Any], path: str
) -> None:
    room.sessions.create("other", **session)
    with fog() as pipeline, pytest.raises(lt.ValidationError, match=path):
        lt.roll(room.sessions, "other", "mist", pipeline=pipeline)


def test_requests_with_a_state_and_unknown_sessions_are_refused(room: Room) -> None:
    with fog() as pipeline:
        state = room.roll(pipeline, "mist").session.state
        with pytest.raises(lt.ValidationError, match=r"request\.state"):
            room.roll(pipeline, lt.GenerationRequest("fog", state=state))
        with pytest.raises(lt.SessionNotFound):
            lt.roll(room.sessions, "nobody", "mist", pipeline=pipeline)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(8))
def test_a_store_that_goes_away_and_comes_back_loses_and_doubles_nothing(
    room: Room, when: str, nth: int
) -> None:
    """The n-th use fails, before it happens or after it happened; the caller cannot tell."""
    grumpy = Grumpy(room.rows, fails={nth}, after=when == "after")
    sessions = lt.RowSessionStore(grumpy)
    with fog() as pipeline:
        rolled = room.roll(pipeline, "mist", sessions=sessions)
    assert rolled.is_new
    assert room.sessions.read("s").last == rolled.segment
    room.check_whole()


@pytest.mark.parametrize("after", [False, True])
def test_a_store_that_stays_away_is_said_in_time_and_nothing_is_lost(
    room: Room, after: bool
) -> None:
    undisturbed = Grumpy(room.rows)
    with fog() as pipeline:
        room.roll(pipeline, "mist", sessions=lt.RowSessionStore(undisturbed))
    assert undisturbed.committing > 3
    for nth in range(undisturbed.committing + 1):
        room.renew()
        grumpy = Grumpy(room.rows, fails=set(range(nth, 10_000)), after=after)
        with fog() as pipeline:
            with pytest.raises(lt.SessionStoreUnavailable):
                sessions = lt.RowSessionStore(grumpy)
                room.roll(pipeline, "mist", sessions=sessions, patience=0.1, claim_seconds=0.1)
            room.check_whole()
            again = room.roll(pipeline, "mist", expected_revision=0)
        assert again.session.num_segments == 1
        room.check_whole()


def test_blobs_whose_hold_was_revoked_are_put_once_more(room: Room) -> None:
    """As if a sweeper had come while the writer slept between its hold and its commit."""
    revoking = Grumpy(room.rows, revokes=1)
    with fog() as pipeline:
        assert room.roll(pipeline, "mist", sessions=lt.RowSessionStore(revoking)).is_new
        room.check_whole()
        assert room.leftovers() == []
        room.renew()
        revoking = Grumpy(room.rows, revokes=2)
        with pytest.raises(lt.HoldRevoked):
            room.roll(pipeline, "mist", sessions=lt.RowSessionStore(revoking))
    assert room.blobs_there() == []


def test_equal_steps_in_other_stores_have_equal_states(room: Room) -> None:
    """The digests speak of content, not of where it lies."""
    digests = []
    for blobs in (room.blobs, lt.open_blob_store("memory:"), lt.open_blob_store("memory:")):
        sessions = lt.open_session_store("memory:")
        sessions.create("s", family="fog")
        with fog() as pipeline:
            rolled = [
                lt.roll(sessions, "s", asked(prompt), pipeline=pipeline, blobs=blobs)
                for prompt in ("mist", "fog")
            ]
        digests.append([(each.segment.step, each.segment.state_digest) for each in rolled])
    assert digests[0] == digests[1] == digests[2]
    assert len({digest for _, digest in digests[0]}) == 2
