"""A prompt of a take is encoded once, whoever makes its segments: states refer to what came out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs
import numpy as np
import pytest

import longtake as lt
from longtake_ltx2.conditioning.text_memory import TextMemory
from longtake_ltx2.continuation import LTX2ContinuationCodec
from longtake_ltx2.loading import fingerprint
from tests.ltx2.support import Checkpoints
from tests.ltx2.watching import Watched, quick

MIME = "application/x-longtake-text+safetensors"
CODEC = LTX2ContinuationCodec()


class Store:
    """A blob store that counts the texts that are put and read."""

    def __init__(self) -> None:
        self.inner = lt.open_blob_store("memory:")
        self.texts: list[str] = []
        self.read: list[str] = []

    def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
        blob_id = self.inner.put(data, mime=mime)
        if mime == MIME:
            self.texts.append(blob_id)
        return blob_id

    def get(self, blob_id: str) -> Any:
        if blob_id in self.texts:
            self.read.append(blob_id)
        return self.inner.get(blob_id)

    def drop(self, blob_id: str) -> None:
        self.inner.drop(blob_id)

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self.inner


@contextmanager
def watched(path: Path, **options: Any) -> Iterator[Watched]:
    made = Watched(path, **options)
    with made.pipeline:
        yield made


def session(worker: Watched, store: Any, state: Any = None, **overrides: Any) -> lt.Session:
    return lt.Session(worker.pipeline, state=state, blobs=store, stage_overrides=quick(**overrides))


def encodings(worker: Watched, taken: lt.Session, prompt: str) -> int:
    """How often the text encoder runs for the next segment."""
    with worker.counted() as ran:
        taken.extend(prompt)
    assert ran["connectors"] == ran["text_encoder"]
    return ran["text_encoder"]


def written(taken: lt.Session) -> lt.ContinuationState:
    assert taken.state is not None
    return taken.state


def references(state: lt.ContinuationState) -> Any:
    return state.payload["metadata"]["longtake"]["texts"]


def with_references(state: lt.ContinuationState, texts: Any) -> lt.ContinuationState:
    metadata = state.payload["metadata"]
    changed = {**metadata, "longtake": {**metadata["longtake"], "texts": texts}}
    return attrs.evolve(state, payload={**state.payload, "metadata": changed})


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_another_worker_encodes_nothing_and_makes_the_same(
    checkpoints: Checkpoints, generation: Any
) -> None:
    path, store = checkpoints.path(generation), Store()
    with watched(path) as first, watched(path) as second:
        here = session(first, store, guidance_scale=3.0)
        assert encodings(first, here, "a tram") == 2  # and the negative prompt
        there = session(second, store, written(here), guidance_scale=3.0)
        with second.counted() as ran:
            other = there.extend("a tram")
        assert ran["text_encoder"] == ran["connectors"] == 0
        same = here.extend("a tram")
        assert encodings(second, there, "it stops") == 1
        assert encodings(second, there, "it stops") == 0
    np.testing.assert_array_equal(same.frames, other.frames)
    np.testing.assert_array_equal(same.audio, other.audio)


def test_workers_of_one_session_encode_its_prompt_once(tiny: Path) -> None:
    sessions, blobs = lt.open_session_store("memory:"), lt.open_blob_store("memory:")
    request = lt.GenerationRequest("a tram", stage_overrides=quick())
    with watched(tiny) as one, watched(tiny) as other:
        preset = f"{one.pipeline.preset.name}@{one.pipeline.preset.version}"
        sessions.create("s", family="ltx2", preset=preset)
        counts = []
        for worker in (one, other, other, one):
            with worker.counted() as ran:
                lt.roll(sessions, "s", request, pipeline=worker.pipeline, blobs=blobs)
            counts.append(ran["text_encoder"])
        state = sessions.read("s").state
        assert state is not None
        text = references(state)
        lt.sweep_sessions(sessions, blobs)
        assert text[0]["blob_id"] in blobs  # what the session refers to is held
    assert counts == [1, 0, 0, 0]


def test_sessions_of_a_pipeline_share_what_was_encoded(tiny: Path) -> None:
    with watched(tiny) as worker:
        counts = [encodings(worker, session(worker, None), "a tram") for _ in range(3)]
        counts.append(encodings(worker, session(worker, Store()), " a tram "))
    assert counts == [1, 0, 0, 0]


def test_a_text_is_stored_and_read_once_for_a_take(tiny: Path) -> None:
    store = Store()
    with watched(tiny) as first, watched(tiny) as second:
        taken = session(first, store)
        states = []
        for _ in range(3):
            taken.extend("a tram")
            states.append(written(taken))
        resumed = session(second, store, states[-1])
        for _ in range(2):
            resumed.extend("a tram")
            states.append(written(resumed))
    assert len(store.texts) == len(store.read) == 1
    ids = [CODEC.blob_ids(state) for state in states]
    assert ids == [tuple(store.texts)] * 5


def test_without_a_store_a_state_refers_to_no_text(tiny: Path) -> None:
    with watched(tiny) as worker:
        taken = session(worker, None)
        taken.extend("a tram")
    assert "texts" not in written(taken).payload["metadata"]["longtake"]


def test_a_swept_text_costs_an_encoding(tiny: Path) -> None:
    store = Store()
    with watched(tiny) as first, watched(tiny) as second:
        here = session(first, store)
        here.extend("a tram")
        state = written(here)
        store.drop(store.texts[0])
        there = session(second, store, state)
        assert encodings(second, there, "a tram") == 1
        here.extend("a tram")
        for taken in (here, there):
            (text,) = references(written(taken))
            assert text["blob_id"] in store
            assert text["sha256"] == references(state)[0]["sha256"]


@pytest.mark.parametrize("damage", ["bytes", "digest", "form"])
def test_a_text_that_is_not_what_it_should_be_is_encoded_again(tiny: Path, damage: str) -> None:
    store = Store()
    with watched(tiny) as first, watched(tiny) as second:
        here = session(first, store)
        here.extend("a tram")
        state = written(here)
        (text,) = references(state)
        file = bytes(store.get(text["blob_id"]))
        if damage == "bytes":
            text = {**text, "blob_id": store.put(file[:-1] + b"\7", mime=MIME)}
        elif damage == "digest":
            text = {**text, "sha256": "0" * 64}
        else:
            digest = hashlib.sha256(b"no tensors").hexdigest()
            text = {**text, "sha256": digest, "blob_id": store.put(b"no tensors", mime=MIME)}
        there = session(second, store, with_references(state, [text]))
        with second.counted() as ran:
            made = there.extend("a tram")
        assert ran["text_encoder"] == 1
        np.testing.assert_array_equal(made.frames, here.extend("a tram").frames)


def test_a_forged_text_is_nobody_elses(tiny: Path) -> None:
    """A stranger's state says that "a tram" is encoded as "fog"."""
    store = Store()
    with watched(tiny) as first, watched(tiny) as second:
        tram, fog = session(first, store), session(first, store)
        expected = tram.extend("a tram")
        fog.extend("fog")
        state = written(tram)
        (own,), (other,) = references(state), references(written(fog))
        forged = {**other, "key": own["key"]}
        stranger = session(second, store, with_references(state, [forged]))
        assert encodings(second, stranger, "a tram") == 0
        honest = session(second, store)
        with second.counted() as ran:
            made = honest.extend("a tram")
        assert ran["text_encoder"] == 1
    np.testing.assert_array_equal(made.frames, expected.frames)


def test_a_text_encoded_otherwise_is_not_taken(tiny: Path) -> None:
    store = Store()
    with watched(tiny) as first, watched(tiny, text_real_tokens=True) as second:
        here = session(first, store)
        here.extend("a tram")
        assert encodings(second, session(second, store, written(here)), "a tram") == 1


def test_no_bytes_keep_no_prompt_and_texts_are_still_carried(tiny: Path) -> None:
    store = Store()
    with watched(tiny, text_cache_bytes=0) as worker:
        assert [encodings(worker, session(worker, None), "a tram") for _ in range(2)] == [1, 1]
        taken = session(worker, store)
        taken.extend("a tram")
        again = session(worker, store, written(taken))
        assert [encodings(worker, again, "a tram") for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    ("texts", "path"),
    [
        ("no list", "texts"),
        ([{}] * 5, "texts"),
        ([7], "texts[0]"),
        ([{"key": "A" * 64}], "texts[0].key"),
        ([{"key": "a" * 64, "sha256": "a"}], "texts[0].sha256"),
        ([{"key": "a" * 64, "sha256": "a" * 64, "blob_id": "../x"}], "texts[0].blob_id"),
        ([{"key": "a" * 64, "sha256": "a" * 64}], "texts[0].blob_id"),
    ],
)
def test_a_wrong_reference_is_refused_by_its_path(texts: Any, path: str) -> None:
    payload = {"schema_version": 1, "metadata": {"longtake": {"texts": texts}}}
    state = lt.ContinuationState("ltx2.v1", payload)
    for read in (CODEC.decode, CODEC.blob_ids):
        with pytest.raises(lt.ValidationError) as refused:
            read(state)
        assert refused.value.path == f"state.payload.metadata.longtake.{path}"


def test_a_state_that_was_only_read_keeps_its_references() -> None:
    text = {"key": "a" * 64, "sha256": "b" * 64, "blob_id": "c" * 32}
    payload = {"schema_version": 1, "metadata": {"longtake": {"texts": [text]}, "mine": 1}}
    state = lt.ContinuationState("ltx2.v1", payload)
    again = CODEC.encode(CODEC.decode(state))
    assert again.payload["metadata"] == payload["metadata"]
    assert CODEC.blob_ids(again) == ("c" * 32,)


def test_a_copy_of_a_state_in_another_store_has_its_text_there(tiny: Path) -> None:
    store, other = Store(), Store()
    with watched(tiny) as first, watched(tiny) as second:
        here = session(first, store)
        here.extend("a tram")
        copy = CODEC.encode(CODEC.decode(written(here), store), other)
        assert encodings(second, session(second, other, copy), "a tram") == 0
    assert CODEC.blob_ids(copy) == tuple(other.texts)


class Text:
    """Stands for an encoded prompt of so many bytes."""

    def __init__(self, num_bytes: int) -> None:
        self.num_bytes = num_bytes


def test_the_memory_holds_no_more_bytes_than_it_may() -> None:
    memory = TextMemory(10)
    texts: Any = {name: Text(size) for name, size in {"a": 4, "b": 4, "c": 6, "d": 11}.items()}
    for name in "ab":
        memory.keep(name, texts[name])
    assert memory.get("a") is texts["a"]
    memory.keep("c", texts["c"])  # "b" was used longest ago
    assert [memory.get(name) is not None for name in "abc"] == [True, False, True]
    memory.keep("d", texts["d"])  # larger than all that there may be
    assert (len(memory), memory.num_bytes, memory.get("d")) == (2, 10, None)
    memory.keep("a", texts["c"])
    assert (len(memory), memory.num_bytes) == (1, 6)


def test_the_fingerprint_is_made_once(tiny: Path) -> None:
    original = fingerprint._fingerprint_of_text
    counted = patch.object(fingerprint, "_fingerprint_of_text", side_effect=original)
    with counted as made, watched(tiny) as worker:
        taken = session(worker, Store())
        for prompt in ("a tram", "it stops"):
            taken.extend(prompt)
    assert made.call_count == 1
