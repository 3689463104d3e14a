"""The worker of the embedding page: it waits, stops, refuses, and never loses a take."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from attrs import evolve

import longtake as lt
from examples.embedding import MOST_FRAMES, SavedTake, TakeFolder, TakeMovedOn, Worker, answer
from tests.sdk.toy_family import FOG

LONG = 60.0
"""Seconds that no test here takes."""

FOG_DOCUMENT = {"prompt": "fog", "sampling": {"num_frames": 17}}


@pytest.fixture
def takes(tmp_path: Path) -> TakeFolder:
    return TakeFolder(tmp_path)


@pytest.fixture
def blobs() -> lt.BlobStore:
    return lt.open_blob_store("memory:")


class PlainBlobs:
    """A store of four methods and no more."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
        blob_id = secrets.token_hex(16)
        self.kept[blob_id] = bytes(data)
        return blob_id

    def get(self, blob_id: str) -> bytes:
        return self.kept[blob_id]

    def drop(self, blob_id: str) -> None:
        self.kept.pop(blob_id, None)

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self.kept


@pytest.fixture
def plain_blobs() -> PlainBlobs:
    return PlainBlobs()


@pytest.fixture
def worker(takes: TakeFolder, blobs: lt.BlobStore) -> Iterator[Worker]:
    with lt.load(family=FOG) as pipeline:
        worker = Worker(pipeline, takes, blobs=blobs)
        yield worker
        worker.close()


def roll(worker: Worker, take: str = "a") -> Path:
    return worker.submit(take, FOG_DOCUMENT, seconds=LONG).result.result()


def pictures(file: Path) -> Any:
    with av.open(str(file)) as container:
        return np.stack([each.to_ndarray(format="rgb24") for each in container.decode(video=0)])


def test_a_take_goes_on_in_another_worker(takes: TakeFolder) -> None:
    frames = []
    for _ in range(3):
        with lt.load(family=FOG) as pipeline:
            worker = Worker(pipeline, takes)
            frames.append(pictures(roll(worker)))
            worker.close()
    with lt.load(family=FOG) as pipeline:
        session = lt.Session(pipeline, sampling=lt.Sampling(num_frames=17))
        expected = [session.extend("fog").frames for _ in range(3)]
    assert np.array_equal(np.concatenate(frames), np.concatenate(expected))


def test_takes_share_the_pipeline(worker: Worker, takes: TakeFolder) -> None:
    tickets = [worker.submit(f"take-{n}", FOG_DOCUMENT, seconds=LONG) for n in range(8)]
    assert [answer(ticket)[0] for ticket in tickets] == [200] * 8
    assert all(takes.read(f"take-{n}").version == 1 for n in range(8))


def rolled_ids(worker: Worker, takes: TakeFolder, segments: int) -> list[str]:
    """The ids that the states of so many segments refer to, one after the other."""
    found: list[str] = []
    for _ in range(segments):
        roll(worker)
        state = takes.read("a").state
        assert state is not None
        found += FOG.codecs[0].blob_ids(state)
    return found


def test_without_leases_only_the_blobs_of_the_newest_state_are_kept(
    takes: TakeFolder, plain_blobs: PlainBlobs
) -> None:
    with lt.load(family=FOG) as pipeline:
        worker = Worker(pipeline, takes, blobs=plain_blobs)
        seen = rolled_ids(worker, takes, 3)
        worker.close()
    assert [blob_id in plain_blobs for blob_id in seen] == [False, False, True]


def test_with_leases_only_the_blobs_of_the_newest_state_are_kept(
    takes: TakeFolder, blobs: lt.BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examples.embedding.LEASE_SECONDS", 1e-6)  # over when the sweep comes
    with lt.load(family=FOG) as pipeline:
        worker = Worker(pipeline, takes, blobs=blobs)
        seen = rolled_ids(worker, takes, 3)
        worker.close()
    assert [blob_id in blobs for blob_id in seen] == [False, False, True]


def test_a_take_that_moved_on_is_not_overwritten(takes: TakeFolder, worker: Worker) -> None:
    roll(worker)
    known = takes.read("a")
    assert known.state is not None
    takes.replace("a", known, known.state)
    with pytest.raises(TakeMovedOn, match="version 1"):
        takes.replace("a", known, known.state)
    assert takes.read("a").version == 2


def test_the_loser_of_a_race_keeps_no_blob(
    takes: TakeFolder, plain_blobs: PlainBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lt.load(family=FOG) as pipeline:
        worker = Worker(pipeline, takes, blobs=plain_blobs)
        (kept,) = rolled_ids(worker, takes, 1)
        monkeypatch.setattr(TakeFolder, "replace", lost)
        assert answer(worker.submit("a", FOG_DOCUMENT, seconds=LONG))[0] == 409
        worker.close()
    assert list(plain_blobs.kept) == [kept]


def lost(self: TakeFolder, take: str, *_: Any, **__: Any) -> None:
    raise TakeMovedOn(f"take {take}")


class Stubborn(PlainBlobs):
    """Keeps what it should drop."""

    def drop(self, blob_id: str) -> None:
        raise lt.BlobStoreUnavailable("the store is gone")


def test_a_segment_is_made_although_its_leftovers_cannot_be_dropped(takes: TakeFolder) -> None:
    with lt.load(family=FOG) as pipeline:
        worker = Worker(pipeline, takes, blobs=Stubborn())
        assert [answer(worker.submit("a", FOG_DOCUMENT, seconds=LONG))[0] for _ in range(2)] == [
            200,
            200,
        ]
        worker.close()
    assert takes.read("a").version == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": "1"}', "\0"])
def test_a_damaged_file_of_a_take_is_refused_and_stays(takes: TakeFolder, text: str) -> None:
    file = takes.folder / "a.json"
    file.write_text(text)
    with pytest.raises(lt.ValidationError, match="take"):
        takes.read("a")
    with pytest.raises(lt.ValidationError, match="take"):
        takes.replace("a", SavedTake(), lt.ContinuationState("fog", {}))
    assert file.read_text() == text


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
    worker: Worker, takes: TakeFolder, document: dict[str, object], path: str
) -> None:
    status, body = answer(worker.submit("a", document, seconds=LONG))
    assert status == 422
    assert body["path"].startswith(path)
    assert takes.read("a") == SavedTake()


@pytest.mark.parametrize("take", ["../a", "", "A", "a/b", "a" * 65, "a\0"])
def test_an_id_never_becomes_another_path(worker: Worker, takes: TakeFolder, take: str) -> None:
    assert answer(worker.submit(take, FOG_DOCUMENT, seconds=LONG))[0] == 422
    for refused in (lambda: takes.read(take), lambda: takes.segment(take, 1)):
        with pytest.raises(lt.ValidationError, match="take: must be 1 to 64 of a-z, 0-9 and '-'"):
            refused()


def test_segments_are_delivered_as_files_before_the_state_says_so(
    worker: Worker, takes: TakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, body = answer(worker.submit("a", FOG_DOCUMENT, seconds=LONG))
    assert (status, body["file"]) == (200, "a-0001.mkv")
    assert len(pictures(takes.segment("a", 1))) == 17
    monkeypatch.setattr(TakeFolder, "replace", lost)
    assert answer(worker.submit("a", FOG_DOCUMENT, seconds=LONG))[0] == 409
    assert sorted(path.name for path in takes.folder.glob("*mkv")) == ["a-0001.mkv"]


def test_a_request_that_comes_again_gets_the_segment_of_the_first_time(
    worker: Worker, takes: TakeFolder
) -> None:
    def ask(request_id: str) -> Path:
        ticket = worker.submit("a", FOG_DOCUMENT, seconds=LONG, request_id=request_id)
        return ticket.result.result()

    names = [ask(name).name for name in ("x", "y", "x")]
    assert names == ["a-0001.mkv", "a-0002.mkv", "a-0001.mkv"]
    assert takes.read("a").version == 2


def test_two_requests_for_one_take_do_not_roll_twice(takes: TakeFolder) -> None:
    begun = threading.Event()
    worker = Worker(never_ending_fog(begun), takes)
    other = Worker(never_ending_fog(threading.Event()), takes)
    running = worker.submit("a", FOG_DOCUMENT, seconds=LONG)
    assert begun.wait(LONG)
    for asked in (worker, other):
        status, body = answer(asked.submit("a", FOG_DOCUMENT, seconds=LONG))
        assert (status, body["problem"]) == (409, "take a: a segment is on its way")
    assert not running.result.done()
    running.cancel()
    assert answer(running)[0] == 408
    worker.close()
    other.close()


class Endless:
    """A stage that only a cancellation ends."""

    def __init__(self, begun: threading.Event) -> None:
        self._begun = begun

    def __call__(self, run: lt.Run) -> None:
        self._begun.set()
        for _ in run.steps(10**9):
            pass


def test_a_request_out_of_time_is_cancelled_and_the_take_is_as_it_was(takes: TakeFolder) -> None:
    worker = Worker(never_ending_fog(threading.Event()), takes)
    ticket = worker.submit("a", FOG_DOCUMENT, seconds=0.05)
    assert answer(ticket)[0] == 408
    worker.close()
    assert takes.read("a") == SavedTake()


def test_a_ticket_can_be_cancelled_while_another_one_runs(takes: TakeFolder) -> None:
    begun = threading.Event()
    worker = Worker(never_ending_fog(begun), takes)
    running = worker.submit("a", FOG_DOCUMENT, seconds=LONG)
    assert begun.wait(LONG)
    waiting = worker.submit("b", FOG_DOCUMENT, seconds=LONG)
    waiting.cancel()
    assert answer(waiting)[0] == 408
    assert not running.result.done()
    running.cancel()
    assert answer(running)[0] == 408
    worker.close()


def never_ending_fog(begun: threading.Event) -> lt.Pipeline:
    endless = lt.StageSpec("endless", Endless, arguments={"begun": begun})
    return lt.Pipeline(evolve(FOG, stages=(endless, *FOG.stages)))


def test_progress_can_be_watched(worker: Worker) -> None:
    ticket = worker.submit("a", FOG_DOCUMENT, seconds=LONG)
    ticket.result.result()
    assert ticket.progress is not None
    assert ticket.progress.step == ticket.progress.total
