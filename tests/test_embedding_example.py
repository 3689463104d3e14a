"""The worker of the embedding page: it waits, stops, refuses, and never loses a take."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from attrs import evolve

import longtake as lt
from examples.embedding import MOST_FRAMES, Ticket, Worker, answer
from tests.sdk.toy_family import FOG

LONG = 60.0
"""Seconds that no test here takes."""

FOG_DOCUMENT = {"prompt": "fog", "sampling": {"num_frames": 17}}


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[lt.SessionStore]:
    store: Any = lt.open_session_store(f"sqlite:{tmp_path / 'takes.db'}")
    with closing(store):
        yield store


@pytest.fixture
def blobs() -> lt.BlobStore:
    return lt.open_blob_store("memory:")


@pytest.fixture
def worker(sessions: lt.SessionStore, blobs: lt.BlobStore) -> Iterator[Worker]:
    with lt.load(family=FOG) as pipeline, closing(Worker(pipeline, sessions, blobs)) as worker:
        worker.begin("a")
        yield worker


def ask(worker: Worker, revision: int, document: Any = FOG_DOCUMENT, take: str = "a") -> Ticket:
    return worker.submit(take, document, revision=revision, seconds=LONG)


def pictures(blobs: lt.BlobStore, rolled: lt.RolledSegment) -> Any:
    (media,) = rolled.segment.media
    with av.open(io.BytesIO(blobs.get(media)), "r") as container:
        return np.stack([each.to_ndarray(format="rgb24") for each in container.decode(video=0)])


def test_a_take_goes_on_in_another_worker(sessions: lt.SessionStore, blobs: lt.BlobStore) -> None:
    frames = []
    for revision in range(3):
        with lt.load(family=FOG) as pipeline, closing(Worker(pipeline, sessions, blobs)) as worker:
            worker.begin("a")
            frames.append(pictures(blobs, ask(worker, revision).result.result()))
    with lt.load(family=FOG) as pipeline:
        session = lt.Session(pipeline, sampling=lt.Sampling(num_frames=17))
        expected = [session.extend("fog").frames for _ in range(3)]
    assert np.array_equal(np.concatenate(frames), np.concatenate(expected))


def test_takes_share_the_pipeline(worker: Worker, sessions: lt.SessionStore) -> None:
    takes = [f"take-{n}" for n in range(8)]
    for take in takes:
        worker.begin(take)
    tickets = [ask(worker, 0, take=take) for take in takes]
    assert [answer(ticket)[0] for ticket in tickets] == [200] * 8
    assert [sessions.read(take).num_segments for take in takes] == [1] * 8


def test_a_request_that_comes_again_gets_the_segment_of_the_first_time(
    worker: Worker, sessions: lt.SessionStore
) -> None:
    first = answer(ask(worker, 0))
    assert first[0] == 200
    assert answer(ask(worker, 0)) == first
    assert sessions.read("a").revision == 1


def test_another_request_for_the_same_place_is_a_conflict(
    worker: Worker, sessions: lt.SessionStore
) -> None:
    assert answer(ask(worker, 0))[0] == 200
    status, body = answer(ask(worker, 0, {**FOG_DOCUMENT, "prompt": "rain"}))
    assert (status, body["revision"]) == (409, 1)
    assert answer(ask(worker, 1))[0] == 200
    assert answer(ask(worker, 0))[0] == 409
    assert sessions.read("a").num_segments == 2


def test_of_two_workers_who_are_asked_at_once_one_rolls(
    sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    with (
        lt.load(family=FOG) as one,
        lt.load(family=FOG) as two,
        closing(Worker(one, sessions, blobs)) as here,
        closing(Worker(two, sessions, blobs)) as there,
    ):
        here.begin("a")
        there.begin("a")  # it is there already
        tickets = [ask(here, 0), ask(there, 0)]
        rolled = [ticket.result.result() for ticket in tickets]
    assert sorted(each.is_new for each in rolled) == [False, True]
    assert rolled[0].segment == rolled[1].segment


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, "prompt"),
        ({"prompt": "fog", "sampling": {"num_frames": "9"}}, "sampling.num_frames"),
        ({"prompt": "fog", "sampling": {"num_frames": 8}}, "sampling.num_frames"),
        ({"prompt": "fog", "sampling": {"num_frames": MOST_FRAMES + 2}}, "sampling.num_frames"),
        ({"prompt": "fog", "sampling": {"height": 4000, "width": 4000}}, "sampling"),
        ({"prompt": "fog", "stage_overrides": {"denoise": {"blurr": 1}}}, "stage_overrides"),
    ],
)
def test_a_bad_document_is_refused_with_its_path(
    worker: Worker, sessions: lt.SessionStore, document: dict[str, object], path: str
) -> None:
    status, body = answer(ask(worker, 0, document))
    assert status == 422
    assert body["path"].startswith(path)
    assert sessions.read("a").revision == 0


@pytest.mark.parametrize("take", ["../a", "", "a/b", "a" * 129, "a\0", "not-begun"])
def test_a_session_that_is_not_there_is_not_found(worker: Worker, take: str) -> None:
    assert answer(ask(worker, 0, take=take))[0] == 404


def test_a_store_that_is_away_is_told(
    sessions: lt.SessionStore, blobs: lt.BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lt.load(family=FOG) as pipeline, closing(Worker(pipeline, sessions, blobs)) as worker:
        worker.begin("a")
        monkeypatch.setattr(blobs, "put", away)
        assert answer(ask(worker, 0))[0] == 503
        monkeypatch.undo()
        assert answer(ask(worker, 0))[0] == 200


def away(*_: object, **__: object) -> str:
    raise lt.BlobStoreUnavailable("the store is gone")


class Endless:
    """A stage that only a cancellation ends."""

    def __init__(self, begun: threading.Event) -> None:
        self._begun = begun

    def __call__(self, run: lt.Run) -> None:
        self._begun.set()
        for _ in run.steps(10**9):
            pass


def never_ending_fog(begun: threading.Event) -> lt.Pipeline:
    endless = lt.StageSpec("endless", Endless, arguments={"begun": begun})
    return lt.Pipeline(evolve(FOG, stages=(endless, *FOG.stages)))


def test_a_request_out_of_time_is_cancelled_and_the_take_is_as_it_was(
    sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    pipeline = never_ending_fog(threading.Event())
    with closing(Worker(pipeline, sessions, blobs)) as worker:
        worker.begin("a")
        ticket = worker.submit("a", FOG_DOCUMENT, revision=0, seconds=0.05)
        assert answer(ticket)[0] == 408
    assert sessions.read("a").revision == 0


def test_a_ticket_can_be_cancelled_while_another_one_runs(
    sessions: lt.SessionStore, blobs: lt.BlobStore
) -> None:
    begun = threading.Event()
    with closing(Worker(never_ending_fog(begun), sessions, blobs)) as worker:
        worker.begin("a")
        worker.begin("b")
        running = ask(worker, 0)
        assert begun.wait(LONG)
        for waiting in (ask(worker, 0, take="b"), ask(worker, 0)):  # the device, and the claim
            waiting.cancel()
            assert answer(waiting)[0] == 408
        assert not running.result.done()
        running.cancel()
        assert answer(running)[0] == 408


def test_progress_can_be_watched(worker: Worker) -> None:
    ticket = ask(worker, 0)
    ticket.result.result()
    assert ticket.progress is not None
    assert ticket.progress.step == ticket.progress.total
