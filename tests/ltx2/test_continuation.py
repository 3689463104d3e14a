"""The LTX-2 state as a document: other implementations' documents, and writing and reading."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.clock import TakeClock
from longtake_ltx2.continuation import (
    DEFAULT_INLINE_THRESHOLD_BYTES,
    LTX2_CONTINUATION_KIND,
    LTX2_CONTINUATION_SCHEMA_VERSION,
    LTX2ContinuationCodec,
    LTX2ContinuationState,
)
from tests.ltx2.documents import (
    WIRE,
    DictStore,
    described,
    latents,
    small_frames,
    wire_case,
)

CASES = sorted(folder.name for folder in WIRE.iterdir())


def through_json(state: lt.ContinuationState) -> lt.ContinuationState:
    return lt.ContinuationState.from_json(state.to_json())


def test_the_public_constants() -> None:
    assert LTX2_CONTINUATION_KIND == "ltx2.v1"
    assert LTX2_CONTINUATION_SCHEMA_VERSION == 1
    assert DEFAULT_INLINE_THRESHOLD_BYTES == 2 * 1024 * 1024


def test_the_documents_are_there() -> None:
    assert len(CASES) == 9


@pytest.mark.parametrize("name", CASES)
def test_a_document_of_another_implementation_is_read(name: str) -> None:
    state, store, expected = wire_case(name)
    assert described(LTX2ContinuationCodec().decode(state, store)) == expected


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("threshold", [0, DEFAULT_INLINE_THRESHOLD_BYTES])
def test_a_document_is_written_and_read_again(name: str, threshold: int) -> None:
    state, store, expected = wire_case(name)
    codec = LTX2ContinuationCodec(threshold)
    value = codec.decode(state, store)
    assert described(codec.decode(through_json(codec.encode(value)))) == expected
    fresh = DictStore()
    assert described(codec.decode(through_json(codec.encode(value, fresh)), fresh)) == expected


@pytest.mark.parametrize("name", CASES)
def test_the_document_has_the_other_implementations_keys(name: str) -> None:
    state, store, _ = wire_case(name)
    value = LTX2ContinuationCodec().decode(state, store)
    fresh = DictStore() if store.blobs else None
    # What is stored in the document is stored again: it is more than half of its smallest blob.
    threshold = min(map(len, store.blobs.values()), default=0) // 2
    written = value.to_continuation_state(blob_store=fresh, inline_threshold_bytes=threshold)
    assert written.kind == state.kind
    assert written.payload.keys() == state.payload.keys()
    for part in {"video", "audio"} & state.payload.keys():
        assert written.payload[part].keys() == state.payload[part].keys()
    assert sorted(fresh.mimes.values() if fresh else []) == sorted(store.mimes.values())


def test_all_fields_have_the_documented_defaults() -> None:
    state = LTX2ContinuationState()
    assert described(state) == json.loads((WIRE / "defaults" / "expected.json").read_text())
    assert state.video_frames_blob_id is None
    assert state.audio_latents_blob_id is None
    assert state.unknown_fields == {}
    assert state.clock is None
    assert state.take_defaults == {}


def test_a_missing_version_and_missing_fields_read_as_the_defaults() -> None:
    read = LTX2ContinuationCodec().decode(lt.ContinuationState("ltx2.v1", {}))
    assert described(read) == described(LTX2ContinuationState())


def test_an_int_is_read_as_the_float_that_is_meant() -> None:
    payload = {"video_conditioning_strength": 1, "video_position_offset_sec": 2}
    read = LTX2ContinuationCodec().decode(lt.ContinuationState("ltx2.v1", payload))
    assert type(read.video_conditioning_strength) is float
    assert type(read.video_position_offset_sec) is float
    written = LTX2ContinuationState(audio_conditioning_strength=0).to_continuation_state()
    assert type(written.payload["audio_conditioning_strength"]) is float


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_dtype_of_the_latents_is_kept(dtype: torch.dtype) -> None:
    value = latents(dtype=dtype)
    state = LTX2ContinuationState(audio_latents=value).to_continuation_state()
    back = LTX2ContinuationCodec().decode(through_json(state)).audio_latents
    assert back is not None
    assert back.dtype == dtype
    assert torch.equal(back, value)


def test_latents_that_are_a_view_or_need_a_gradient_are_written() -> None:
    whole = latents(frames=8).requires_grad_()
    view = whole[:, :, 2:6]
    state = LTX2ContinuationState(audio_latents=view).to_continuation_state()
    back = LTX2ContinuationCodec().decode(state).audio_latents
    assert back is not None
    assert torch.equal(back, view)
    assert not back.requires_grad


def test_frames_may_be_one_array_or_strided() -> None:
    array: Any = np.stack(small_frames(3))[:, ::-1, ::2]
    state = LTX2ContinuationState(video_frames=array).to_continuation_state()
    back = LTX2ContinuationCodec().decode(state).video_frames
    assert back is not None
    assert np.array_equal(np.stack(back), array)


def test_no_frames_are_not_written() -> None:
    state = LTX2ContinuationState(video_frames=[]).to_continuation_state()
    assert "video" not in state.payload


def test_unknown_fields_are_kept_and_extra_keys_tolerated() -> None:
    state, _, expected = wire_case("full-inline")
    payload = json.loads(state.to_json())["payload"]
    payload["novelty"] = {"deep": [1, None, "x"]}
    payload["video"]["digest"] = payload["audio"]["num_bytes"] = "ignored"
    payload["metadata"] = {"theirs": [1], "longtake": {"later": True}}
    codec = LTX2ContinuationCodec()
    read = codec.decode(lt.ContinuationState("ltx2.v1", payload))
    assert read.unknown_fields == {"novelty": {"deep": [1, None, "x"]}}
    again = codec.encode(read)
    assert again.payload["novelty"] == payload["novelty"]
    assert again.payload["metadata"] == payload["metadata"]
    assert described(codec.decode(again)) == {**expected, "metadata": payload["metadata"]}


def test_the_clock_and_the_seed_come_back_from_the_metadata() -> None:
    clock = TakeClock(113, Fraction(24000, 1001), 118, 226_000)
    metadata = {"longtake": {"clock": clock.to_metadata(), "seed": 2**64 - 1}}
    value = LTX2ContinuationState(metadata=metadata, video_frames=small_frames())
    read = LTX2ContinuationCodec().decode(through_json(value.to_continuation_state()))
    assert read.clock == clock
    assert read.take_defaults == {
        "height": 4,
        "width": 6,
        "fps": Fraction(24000, 1001),
        "seed": 2**64 - 1,
    }


def test_a_clock_may_leave_its_samples_out() -> None:
    for samples in ({}, {"samples": None}):
        clock = {"frames": 9, "fps": [25, 1], "latents": 9, **samples}
        state = LTX2ContinuationState(metadata={"longtake": {"clock": clock}})
        assert state.clock == TakeClock(9, Fraction(25), 9, None)


def test_the_codec_is_what_the_sdk_asks_for() -> None:
    codec: lt.ContinuationCodec[LTX2ContinuationState] = LTX2ContinuationCodec()
    assert codec.kind == "ltx2.v1"
    assert codec.state_type is LTX2ContinuationState


def test_importing_the_codec_imports_nothing_heavy() -> None:
    program = (
        "import sys, longtake_ltx2.continuation as c; c.LTX2ContinuationCodec();"
        "print(sorted({'torch', 'numpy', 'PIL', 'safetensors'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr


def test_metadata_is_looked_through_once_however_often_a_part_is_there() -> None:
    doubled: list[object] = []
    for _ in range(60):
        doubled = [doubled, doubled]
    assert LTX2ContinuationState(metadata={"theirs": doubled}).metadata == {"theirs": doubled}
