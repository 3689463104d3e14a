"""A live state: typed and as a document, each made from the other once, by whoever asks first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

import longtake as lt
from tests.sdk.toy_family import DEFAULTS, FOG, FogCodec, FogState, black, pipeline_of

WAIT = 10
CONTINUABLE = lt.GenerationRequest(
    "fog", output=lt.Output(return_state=True, last=False, overlap_frames=3)
)


class CountingCodec(FogCodec):
    """Counts what is written and read."""

    def __init__(self) -> None:
        object.__setattr__(self, "kind", "fog.v1")
        object.__setattr__(self, "state_type", FogState)
        object.__setattr__(self, "encoded", [])
        object.__setattr__(self, "decoded", [])

    encoded: list[FogState]
    decoded: list[lt.ContinuationState]

    def encode(self, value: FogState, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        self.encoded.append(value)
        return super().encode(value, blobs)

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> FogState:
        self.decoded.append(state)
        return super().decode(state, blobs)


@pytest.fixture
def codec() -> CountingCodec:
    return CountingCodec()


@pytest.fixture
def pipeline(codec: CountingCodec) -> lt.Pipeline:
    return lt.Pipeline(FOG.evolve(codecs=(codec,)))


def test_a_session_neither_writes_nor_reads_states(
    pipeline: lt.Pipeline, codec: CountingCodec
) -> None:
    session = lt.Session(pipeline, overlap_frames=3)
    for _ in range(3):
        session.extend("fog")
    list(session.stream("rain"))
    session.finish()
    assert (codec.encoded, codec.decoded) == ([], [])


def test_the_document_is_written_once_when_it_is_asked_for(
    pipeline: lt.Pipeline, codec: CountingCodec
) -> None:
    session = lt.Session(pipeline, overlap_frames=3)
    result = session.extend("fog")
    assert session.state is not None
    assert session.state is session.state is result.state
    assert len(codec.encoded) == 1
    session.extend("fog")
    assert codec.decoded == []


def test_a_session_reads_the_state_it_is_given_once(
    pipeline: lt.Pipeline, codec: CountingCodec
) -> None:
    state = pipeline.generate(CONTINUABLE).state
    session = lt.Session(pipeline, state=state, overlap_frames=3)
    assert session.state is state
    with pytest.raises(lt.ValidationError):
        session.extend("fog", sampling=lt.Sampling(num_frames=8))
    session.extend("fog")
    session.extend("fog")
    session.finish()
    assert codec.decoded == [state]


def test_a_state_that_is_asked_for_is_written_before_the_segment_is_done(
    pipeline: lt.Pipeline, codec: CountingCodec
) -> None:
    pipeline.generate(CONTINUABLE)
    assert len(codec.encoded) == 1
    deferred = pipeline.generate(CONTINUABLE, defer_state=True)
    assert len(codec.encoded) == 1
    assert deferred.state == FogCodec().encode(codec.encoded[0])


def test_a_document_that_could_not_be_written_is_written_when_asked_again() -> None:
    class Shelf:
        full = True

        def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
            if self.full:
                raise lt.BlobStoreFull("no room")
            return "0" * 32

        def get(self, blob_id: str) -> bytes:
            raise AssertionError

        def drop(self, blob_id: str) -> None:
            raise AssertionError

        def __contains__(self, blob_id: object) -> bool:
            return False

    shelf = Shelf()
    session = lt.Session(lt.Pipeline(FOG), overlap_frames=3, blobs=shelf)
    session.extend("fog")
    with pytest.raises(lt.BlobStoreFull):
        _ = session.state
    session.extend("fog")
    shelf.full = False
    assert session.state is not None
    assert session.state.payload == {"blob": "0" * 32}


def test_threads_that_read_a_state_at_once_read_it_once(codec: CountingCodec) -> None:
    state = FogCodec().encode(FogState(0, 5, 4, 6, 9, 3))
    live, together = lt.LiveState(codec, None, document=state), threading.Barrier(8)

    def read(_: int) -> FogState:
        together.wait(WAIT)
        value: FogState = live.value()
        return value

    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(read, range(8)))
    assert len({id(value) for value in values}) == 1
    assert codec.decoded == [state]
    assert repr(live) == "<LiveState 'fog.v1', after segment 0>"


def test_a_live_state_of_another_family_is_refused(pipeline: lt.Pipeline) -> None:
    live = pipeline.generate(CONTINUABLE).live_state
    other = lt.Pipeline(lt.ModelFamily("toy", (black,), defaults=DEFAULTS))
    for use in (
        lambda: other.generate(lt.GenerationRequest("fog"), after=live),
        lambda: other.check(lt.GenerationRequest("fog"), after=live),
        lambda: pipeline_of().resolve(lt.GenerationRequest("fog"), after=live),
    ):
        with pytest.raises(lt.ValidationError) as refused:
            use()
        assert refused.value.path == "state.kind"


def test_a_restored_state_is_gone_on_from_as_its_document_is(pipeline: lt.Pipeline) -> None:
    state = pipeline.generate(CONTINUABLE).state
    assert state is not None
    live = pipeline.restore(state)
    assert live.document() is state
    by_document = pipeline.generate(attrs.evolve(CONTINUABLE, state=state))
    by_value = pipeline.generate(CONTINUABLE, after=live)
    assert by_value.state == by_document.state
    assert (by_value.frames == by_document.frames).all()
    assert pipeline.finish(live).audio is not None


def test_a_bad_state_is_not_restored(pipeline: lt.Pipeline) -> None:
    with pytest.raises(lt.ValidationError, match="is no fog"):
        pipeline.restore(lt.ContinuationState("fog.v1", {}))
