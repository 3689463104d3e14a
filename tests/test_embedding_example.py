"""The worker of the embedding page: it waits, stops, refuses, and never loses a segment."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import longtake as lt
from examples.embedding import (
    MOST_FRAMES,
    Ticket,
    Worker,
    WorkerFull,
    answer,
    main,
    refusal,
)
from tests.sdk.toy_family import FOG

LONG = 60.0
"""Seconds that no test here takes."""

FOG_DOCUMENT = {"prompt": "fog", "sampling": {"num_frames": 17}}


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[lt.SessionStore]:
    store = lt.open_session_store(f"sqlite://{tmp_path}/takes.db")
    assert isinstance(store, lt.SupportsClose)
    with closing(store):
        yield store


@pytest.fixture
def blobs() -> lt.BlobStore:
    return lt.open_blob_store("memory:")


@pytest.fixture
def worker(sessions: lt.SessionStore, blobs: lt.BlobStore) -> Iterator[Worker]:
    with working(sessions, blobs) as worker:
        yield worker


@contextmanager
def working(
    sessions: lt.SessionStore,
    blobs: lt.BlobStore,
    family: lt.ModelFamily = FOG,
    **how: Any,
) -> Iterator[Worker]:
    """A worker with a pipeline of its own, and the session ``a`` begun."""
    with (
        lt.Pipeline(family) as pipeline,
        closing(Worker(pipeline, sessions, blobs=blobs, **how)) as it,
    ):
        it.begin("a")
        yield it


def ask(worker: Worker, revision: int, document: Any = FOG_DOCUMENT, session: str = "a") -> Ticket:
    return worker.submit(session, document, expected_revision=revision, seconds=LONG)


def pictures(blobs: lt.BlobStore, media: list[str]) -> Any:
    (blob_id,) = media
    with av.open(io.BytesIO(blobs.get(blob_id)), mode="r") as container:
        return np.stack([each.to_ndarray(format="rgb24") for each in container.decode(video=0)])


def expected_frames(segments: int) -> Any:
    with lt.Pipeline(FOG) as pipeline:
        session = lt.Session(pipeline, sampling=lt.Sampling(num_frames=17))
        return np.concatenate([session.extend("fog").frames for _ in range(segments)])


def test_a_session_goes_on_in_another_worker(
    sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    frames = []
    for revision in range(3):
        with working(sessions, blobs) as worker:
            status, body = answer(ask(worker, revision))
        assert (status, body["segment"], body["revision"]) == (200, revision, revision + 1)
        frames.append(pictures(blobs, body["media"]))
    assert np.array_equal(np.concatenate(frames), expected_frames(3))


def test_sessions_share_the_pipeline(worker: Worker, sessions: lt.SessionStore) -> None:
    names = [f"take-{number}" for number in range(8)]
    for name in names:
        worker.begin(name)
    tickets = [ask(worker, 0, session=name) for name in names]
    assert [answer(ticket)[0] for ticket in tickets] == [200] * 8
    assert all(sessions.read(name).revision == 1 for name in names)


def test_a_session_is_begun_once(worker: Worker) -> None:
    answer(ask(worker, 0))
    again = worker.begin("a")
    assert (again.revision, again.family, again.preset) == (1, "fog", "thin@1")


def test_a_session_that_was_not_begun_is_not_there(worker: Worker) -> None:
    assert answer(ask(worker, 0, session="b"))[0] == 404


def test_a_request_that_comes_again_gets_the_segment_of_the_first_time(
    worker: Worker, sessions: lt.SessionStore
) -> None:
    first, second = answer(ask(worker, 0)), answer(ask(worker, 1))
    assert answer(ask(worker, 1)) == second
    assert first[1]["media"] != second[1]["media"]
    assert sessions.read("a").num_segments == 2


def test_a_request_that_comes_again_is_not_held_against_the_state_that_it_made(
    worker: Worker, sessions: lt.SessionStore
) -> None:
    wide = {"prompt": "fog", "sampling": {"width": 12}}
    first = answer(ask(worker, 0, wide))
    assert first[0] == 200
    assert answer(ask(worker, 0, wide)) == first
    assert sessions.read("a").revision == 1


def test_who_is_late_with_another_request_gets_a_conflict(
    worker: Worker, sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    answer(ask(worker, 0))
    status, body = answer(ask(worker, 0, {"prompt": "rain"}))
    assert (status, body["revision"]) == (409, 1)
    answer(ask(worker, 1))
    status, body = answer(ask(worker, 0))  # the segment of the first time is not the newest
    assert (status, body["revision"]) == (409, 2)
    check_whole(sessions, blobs, 2)


def test_equal_requests_of_two_workers_roll_one_segment(
    sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    runs: list[None] = []
    family = with_stage("counted", Counted, runs=runs)
    with working(sessions, blobs, family) as worker, working(sessions, blobs, family) as other:
        tickets = [ask(each, 0) for each in (worker, other, worker, other)]
        answers = [answer(ticket) for ticket in tickets]
    assert answers == [answers[0]] * 4
    assert answers[0][0] == 200
    assert len(runs) == 1
    check_whole(sessions, blobs, 1)


def test_of_different_requests_that_race_one_wins(
    sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    with working(sessions, blobs) as worker, working(sessions, blobs) as other:
        tickets = [ask(worker, 0, {"prompt": "rain"}), ask(other, 0, {"prompt": "fog"})]
        assert sorted(answer(ticket)[0] for ticket in tickets) == [200, 409]
    check_whole(sessions, blobs, 1)


def test_a_crash_before_the_commit_leaves_the_session_as_it_was(
    sessions: lt.SessionStore, blobs: lt.BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with working(sessions, blobs) as worker:
        with monkeypatch.context() as patched:
            patched.setattr(type(sessions), "advance", crash)
            with pytest.raises(Crash):
                ask(worker, 0).result.result()
        assert sessions.read("a").revision == 0
        status, body = answer(ask(worker, 0))
    assert status == 200
    assert np.array_equal(pictures(blobs, body["media"]), expected_frames(1))
    check_whole(sessions, blobs, 1)


def test_a_crash_after_the_commit_loses_the_answer_and_no_segment(
    sessions: lt.SessionStore, blobs: lt.BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = type(sessions).advance

    def commit_and_crash(*given: Any, **named: Any) -> None:
        advance(*given, **named)
        raise Crash

    with working(sessions, blobs) as worker, monkeypatch.context() as patched:
        patched.setattr(type(sessions), "advance", commit_and_crash)
        with pytest.raises(Crash):
            ask(worker, 0).result.result()
    with working(sessions, blobs) as worker:
        status, body = answer(ask(worker, 0))
    assert (status, body["segment"], body["revision"]) == (200, 0, 1)
    assert np.array_equal(pictures(blobs, body["media"]), expected_frames(1))
    check_whole(sessions, blobs, 1)


class Crash(BaseException):
    """The process ends, as far as the worker can tell."""


def crash(*_: Any, **__: Any) -> None:
    raise Crash


def check_whole(sessions: lt.SessionStore, blobs: lt.BlobStore, segments: int) -> None:
    history = sessions.history("a")
    assert [each.index for each in history] == list(range(segments))
    assert all(blob_id in blobs for each in history for blob_id in each.blob_ids)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], ""),
        ({}, "prompt"),
        ({"prompt": "fog", "sampling": {"num_frames": "9"}}, "sampling.num_frames"),
        ({"prompt": "fog", "sampling": {"num_frames": 8}}, "sampling.num_frames"),
        ({"prompt": "fog", "sampling": {"num_frames": MOST_FRAMES + 2}}, "sampling.num_frames"),
        ({"prompt": "fog", "sampling": {"height": 4000, "width": 4000}}, "sampling"),
        ({"prompt": "fog", "stage_overrides": {"denoise": {"blurr": 1}}}, "stage_overrides"),
        ({"prompt": "fog", "state": {"kind": "fog.v1", "payload": {}}}, "request.state"),
    ],
)
def test_a_bad_document_is_refused_with_its_path(
    sessions: lt.SessionStore, blobs: lt.BlobStore, document: Any, path: str
) -> None:
    runs: list[None] = []
    with working(sessions, blobs, with_stage("counted", Counted, runs=runs)) as worker:
        status, body = answer(ask(worker, 0, document))
    assert status == 422
    assert body["path"].startswith(path)
    assert not runs
    assert sessions.read("a").revision == 0


@pytest.mark.parametrize("session", ["../a", "", "a.b", "a/b", "a" * 129, "a\0"])
def test_an_id_that_is_none_is_refused(worker: Worker, session: str) -> None:
    assert answer(ask(worker, 0, session=session))[0] == 400
    with pytest.raises(lt.InvalidSessionId):
        worker.begin(session)


def test_a_request_out_of_time_is_cancelled_and_the_session_is_as_it_was(
    sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    with working(sessions, blobs, never_ending(threading.Event())) as worker:
        ticket = worker.submit("a", FOG_DOCUMENT, expected_revision=0, seconds=0.05)
        assert answer(ticket)[0] == 408
    assert sessions.read("a").revision == 0


def test_a_ticket_can_be_cancelled_while_another_one_runs(
    sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    begun = threading.Event()
    with working(sessions, blobs, never_ending(begun)) as worker:
        worker.begin("b")
        running = ask(worker, 0)
        assert begun.wait(LONG)
        waiting = [ask(worker, 0, session="b"), ask(worker, 0), ask(worker, 0, {"prompt": "rain"})]
        for ticket in waiting:  # for the pipeline, and for the claim on the segment
            ticket.cancel()
        assert [answer(ticket)[0] for ticket in waiting] == [408] * 3
        assert not running.result.done()
        running.cancel()
        assert answer(running)[0] == 408
    assert [sessions.read(name).revision for name in "ab"] == [0, 0]


def test_more_requests_than_may_wait_are_refused_at_once(
    sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    begun = threading.Event()
    with working(sessions, blobs, never_ending(begun), most=2) as worker:
        tickets = [ask(worker, 0), ask(worker, 0)]
        assert begun.wait(LONG)
        refused = ask(worker, 0)
        assert refused.result.done()
        assert answer(refused) == (503, {"problem": "too many requests wait; ask again later"})
        for ticket in tickets:
            ticket.cancel()
        assert [answer(ticket)[0] for ticket in tickets] == [408, 408]
        late = ask(worker, 0)  # there is room again
        late.cancel()
        assert answer(late)[0] == 408


def test_what_a_plugin_says_is_logged_and_not_told(
    sessions: lt.SessionStore, blobs: lt.BlobStore, caplog: pytest.LogCaptureFixture
) -> None:
    with working(sessions, blobs, with_stage("broken", Broken)) as worker:
        status, body = answer(ask(worker, 0))
    assert status == 500
    assert "secret" not in json.dumps(body)
    assert "secret" in caplog.text
    assert sessions.read("a").revision == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (lt.ValidationError("state", "is bad"), 422),
        (lt.SignatureError("signed_state", "is not as it was given"), 422),
        (lt.InvalidSessionId("none"), 400),
        (lt.SessionNotFound("gone"), 404),
        (lt.Conflict("a", 2, 1), 409),
        (lt.Cancelled("over"), 408),
        (lt.BlobTooLarge("too large"), 413),
        (lt.BlobStoreFull("full"), 507),
        (lt.SessionStoreFull("full"), 507),
        (lt.BlobStoreUnavailable("away"), 503),
        (lt.SessionStoreUnavailable("away"), 503),
        (lt.HoldRevoked("over"), 503),
        (lt.PipelineClosedError("closed"), 503),
        (WorkerFull("full"), 503),
        (lt.BlobNotFound("gone"), 500),
        (lt.BlobCorrupt("other bytes"), 500),
        (lt.PluginError("broken"), 500),
        (RuntimeError("a bug"), 500),
    ],
)
def test_every_error_has_its_status(error: Exception, status: int) -> None:
    number, body = refusal(error)
    assert number == status
    assert body["problem"]


def test_progress_can_be_watched(worker: Worker) -> None:
    ticket = ask(worker, 0)
    ticket.result.result()
    assert ticket.progress is not None
    assert ticket.progress.step == ticket.progress.total


def test_the_digest_of_the_answer_is_that_of_the_state(
    worker: Worker, sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    _, body = answer(ask(worker, 0))
    state = sessions.read("a").state
    assert state is not None
    assert body["state_digest"] == lt.state_digest(state, FOG.codecs[0].blob_ids(state), blobs)


def test_the_program_goes_on_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = [f"sqlite://{tmp_path}/takes.db", f"file://{tmp_path}/blobs"]
    monkeypatch.setattr(sys, "argv", ["embedding.py", *urls])
    fog = FOG.evolve(defaults=dict(FOG.defaults) | {"num_frames": 17})
    monkeypatch.setattr("longtake.load", lambda *_, **__: lt.Pipeline(fog))
    for run in range(2):
        main()
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 6
        assert all(line.startswith("200 ") for line in lines)
        sessions = lt.open_session_store(urls[0])
        assert [sessions.read(name).revision for name in "ab"] == [3 * (run + 1)] * 2
        assert isinstance(sessions, lt.SupportsClose)
        sessions.close()


class Counted:
    """A stage that notes each run."""

    def __init__(self, runs: list[None]) -> None:
        self._runs = runs

    def __call__(self) -> None:
        self._runs.append(None)


class Broken:
    def __call__(self) -> None:
        raise RuntimeError("a secret of the plugin")


class Endless:
    """A stage that only a cancellation ends."""

    def __init__(self, begun: threading.Event) -> None:
        self._begun = begun

    def __call__(self, run: lt.Run) -> None:
        self._begun.set()
        for _ in run.steps(10**9):
            pass


def with_stage(name: str, stage: Any, **arguments: Any) -> lt.ModelFamily:
    return FOG.evolve(stages=(lt.StageSpec(name, stage, arguments=arguments), *FOG.stages))


def never_ending(begun: threading.Event) -> lt.ModelFamily:
    return with_stage("endless", Endless, begun=begun)
