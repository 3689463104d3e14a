"""The LTX-2 state as a document: other implementations' documents, round trips, summaries."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import longtake as lt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from longtake_ltx2.clock import TakeClock
from longtake_ltx2.continuation import (
    DEFAULT_INLINE_THRESHOLD_BYTES,
    LTX2_CONTINUATION_KIND,
    LTX2_CONTINUATION_SCHEMA_VERSION,
    LTX2ContinuationCodec,
    LTX2ContinuationState,
)

WIRE = Path(__file__).parent / "wire" / "ltx2.v1"
CASES = sorted(folder.name for folder in WIRE.iterdir())
FRAMES_MIME = "application/x-fastvideo-frames+png"
TENSOR_MIME = "application/x-fastvideo-tensor+safetensors"


class DictStore:
    """A blob store that also remembers the mime of every blob."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.mimes: dict[str, str] = {}

    def put(self, data: bytes, *, mime: str = "application/octet-stream") -> str:
        blob_id = f"blob-{len(self.blobs)}"
        self.blobs[blob_id], self.mimes[blob_id] = data, mime
        return blob_id

    def get(self, blob_id: str) -> bytes | memoryview:
        if blob_id not in self.blobs:
            raise lt.BlobNotFound(blob_id)
        return memoryview(self.blobs[blob_id])

    def drop(self, blob_id: str) -> None:
        self.blobs.pop(blob_id, None)

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self.blobs


def wire_case(name: str) -> tuple[lt.ContinuationState, DictStore, dict[str, Any]]:
    store = DictStore()
    for file in (WIRE / name).glob("*.blob"):
        store.blobs[file.stem] = file.read_bytes()
        store.mimes[file.stem] = file.with_suffix(".mime").read_text().strip()
    state = lt.ContinuationState.from_json((WIRE / name / "state.json").read_text())
    return state, store, json.loads((WIRE / name / "expected.json").read_text())


def tensor_bytes(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


def described(state: LTX2ContinuationState) -> dict[str, Any]:
    """The state in the form of expected.json."""
    frames, latents = state.video_frames, state.audio_latents
    return {
        "segment_index": state.segment_index,
        "video_frames": frames
        and [
            {"shape": list(frame.shape), "sha256": hashlib.sha256(frame.tobytes()).hexdigest()}
            for frame in frames
        ],
        "video_conditioning_frame_idx": state.video_conditioning_frame_idx,
        "video_conditioning_strength": state.video_conditioning_strength,
        "audio_latents": None
        if latents is None
        else {
            "dtype": str(latents.dtype).removeprefix("torch."),
            "shape": list(latents.shape),
            "sha256": hashlib.sha256(tensor_bytes(latents)).hexdigest(),
        },
        "audio_sample_rate": state.audio_sample_rate,
        "audio_conditioning_num_frames": state.audio_conditioning_num_frames,
        "audio_conditioning_strength": state.audio_conditioning_strength,
        "video_position_offset_sec": state.video_position_offset_sec,
        "metadata": state.metadata,
    }


def small_frames(count: int = 2, height: int = 4, width: int = 6) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def latents(frames: int = 3, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(1, 2, frames, 4, generator=torch.Generator().manual_seed(0)).to(dtype)


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
    fresh = DictStore()
    # A threshold of 0 stores both parts; the documents with blobs have both, or the frames.
    audio_is_inline = "safetensors_b64" in state.payload.get("audio", {})
    value = LTX2ContinuationCodec().decode(state, store)
    threshold = 0 if store.blobs and not audio_is_inline else 10**4
    written = value.to_continuation_state(blob_store=fresh, inline_threshold_bytes=threshold)
    if not store.blobs:
        written = value.to_continuation_state()
    assert written.kind == state.kind
    assert written.payload.keys() == state.payload.keys()
    for part in {"video", "audio"} & state.payload.keys():
        assert written.payload[part].keys() == state.payload[part].keys()
    assert sorted(fresh.mimes.values()) == sorted(store.mimes.values())


def test_all_fields_have_the_documented_defaults() -> None:
    state = LTX2ContinuationState()
    assert described(state) == json.loads((WIRE / "defaults" / "expected.json").read_text())
    assert state.video_frames_blob_id is None and state.audio_latents_blob_id is None
    assert state.unknown_fields == {}
    assert state.clock is None and state.take_defaults == {}


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
    assert back is not None and back.dtype == dtype
    assert torch.equal(back, value)


def test_latents_that_are_a_view_or_need_a_gradient_are_written() -> None:
    whole = latents(frames=8).requires_grad_()
    view = whole[:, :, 2:6]
    state = LTX2ContinuationState(audio_latents=view).to_continuation_state()
    back = LTX2ContinuationCodec().decode(state).audio_latents
    assert back is not None and torch.equal(back, view)
    assert not back.requires_grad


def test_read_latents_are_aligned_for_the_kernels() -> None:
    state = LTX2ContinuationState(audio_latents=latents()).to_continuation_state()
    back = LTX2ContinuationCodec().decode(state).audio_latents
    assert back is not None and back.data_ptr() % 16 == 0


def test_frames_may_be_one_array_or_strided() -> None:
    array = np.stack(small_frames(3))[:, ::-1, ::2]
    state = LTX2ContinuationState(video_frames=array).to_continuation_state()
    back = LTX2ContinuationCodec().decode(state).video_frames
    assert back is not None and np.array_equal(np.stack(back), array)


def test_no_frames_are_not_written() -> None:
    state = LTX2ContinuationState(video_frames=[]).to_continuation_state()
    assert "video" not in state.payload


def test_a_part_goes_to_the_store_only_above_the_threshold() -> None:
    value = LTX2ContinuationState(audio_latents=latents())
    size = LTX2ContinuationCodec().summarize(value.to_continuation_state()).parts[1].num_bytes
    assert size is not None
    for threshold, stored in ((size, False), (size - 1, True)):
        store = DictStore()
        state = value.to_continuation_state(blob_store=store, inline_threshold_bytes=threshold)
        assert bool(store.blobs) == stored
        assert ("blob_id" in state.payload["audio"]) == stored
    inline = value.to_continuation_state(inline_threshold_bytes=0)
    assert inline.payload["audio"].keys() == {"safetensors_b64"}


def test_stored_parts_have_the_documented_mimes_and_framing() -> None:
    store = DictStore()
    value = LTX2ContinuationState(video_frames=small_frames(2), audio_latents=latents())
    state = LTX2ContinuationCodec(0).encode(value, store)
    video, audio = state.payload["video"], state.payload["audio"]
    assert store.mimes == {video["blob_id"]: FRAMES_MIME, audio["blob_id"]: TENSOR_MIME}
    assert video["frame_count"] == 2
    blob = store.blobs[video["blob_id"]]
    first = int.from_bytes(blob[4:8], "big")
    assert blob[:4] == (2).to_bytes(4, "big")
    assert blob[8:16] == blob[12 + first : 20 + first] == b"\x89PNG\r\n\x1a\n"
    assert len(blob) == 12 + first + int.from_bytes(blob[8 + first : 12 + first], "big")


def test_nothing_is_stored_for_a_state_that_is_refused() -> None:
    store = DictStore()
    value = LTX2ContinuationState(video_frames=small_frames(), audio_latents=torch.zeros(2, 2))
    with pytest.raises(lt.ValidationError):
        LTX2ContinuationCodec(0).encode(value, store)
    assert not store.blobs


def test_without_a_store_the_ids_stay_and_are_written_again() -> None:
    state, store, expected = wire_case("full-blobs")
    codec = LTX2ContinuationCodec()
    unfetched = codec.decode(state)
    assert unfetched.video_frames is None and unfetched.audio_latents is None
    assert unfetched.video_frames_blob_id == state.payload["video"]["blob_id"]
    assert unfetched.audio_latents_blob_id == state.payload["audio"]["blob_id"]
    again = codec.encode(unfetched, DictStore())
    assert again.payload["video"] == {"blob_id": unfetched.video_frames_blob_id}
    assert described(codec.decode(again, store)) == expected


def test_fetched_parts_have_no_id_left() -> None:
    state, store, _ = wire_case("full-blobs")
    fetched = LTX2ContinuationCodec().decode(state, store)
    assert fetched.video_frames_blob_id is None and fetched.audio_latents_blob_id is None


def test_the_ids_of_the_blobs() -> None:
    state, store, _ = wire_case("full-blobs")
    codec = LTX2ContinuationCodec()
    assert set(codec.blob_ids(state)) == store.blobs.keys()
    assert codec.blob_ids(state)[0] == state.payload["video"]["blob_id"]
    assert codec.blob_ids(wire_case("full-inline")[0]) == ()


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


def test_a_summary_says_what_is_where() -> None:
    state, _, _ = wire_case("full-inline")
    summary = LTX2ContinuationCodec().summarize(state)
    video, audio = summary.parts
    assert (summary.schema_version, summary.segment_index) == (1, 4)
    assert (video.where, video.detail) == ("inline", "9 frames of 96x64")
    assert (audio.where, audio.detail) == ("inline", "bfloat16 [1, 8, 26, 16], last 26 condition")
    assert video.num_bytes and audio.num_bytes
    assert [frame.shape for frame in summary.frames] == [(64, 96, 3)] * 9


def test_a_summary_of_blobs_with_and_without_their_store() -> None:
    state, store, _ = wire_case("full-blobs")
    codec = LTX2ContinuationCodec()
    for blobs in (store, None):
        summary = codec.summarize(state, blobs)
        assert [part.where for part in summary.parts] == [
            f"blob:{blob_id}" for blob_id in codec.blob_ids(state)
        ]
        sizes = [part.num_bytes for part in summary.parts]
        assert sizes == [
            len(store.blobs[blob_id]) if blobs else None for blob_id in codec.blob_ids(state)
        ]
    assert summary.frames == ()
    assert "not fetched" in summary.parts[0].detail


def test_a_summary_of_a_state_without_parts() -> None:
    summary = LTX2ContinuationCodec().summarize(wire_case("defaults")[0])
    assert [(part.where, part.num_bytes) for part in summary.parts] == [("absent", 0)] * 2


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


finite = st.floats(-1e6, 1e6, allow_nan=False)
share = st.floats(0, 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def states(draw: st.DrawFn) -> LTX2ContinuationState:
    seed = draw(st.integers(0, 2**32 - 1))
    frames = None
    if count := draw(st.integers(0, 4)):
        shape = (count, draw(st.integers(1, 20)), draw(st.integers(1, 20)), 3)
        frames = list(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))
    audio, context = None, 0
    if draw(st.booleans()):
        shape = tuple(draw(st.integers(1, 5)) for _ in range(4))
        dtype = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
        audio = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
        context = draw(st.integers(0, shape[2]))
    bag = st.dictionaries(st.text(max_size=8).filter(lambda k: k != "longtake"), json_values)
    return LTX2ContinuationState(
        segment_index=draw(st.integers(0, 2**53)),
        video_frames=frames,
        video_conditioning_frame_idx=draw(st.integers(0, 1000)),
        video_conditioning_strength=draw(share),
        audio_latents=audio,
        audio_sample_rate=draw(st.none() | st.integers(1, 192_000)),
        audio_conditioning_num_frames=context,
        audio_conditioning_strength=draw(share),
        video_position_offset_sec=draw(finite),
        metadata=draw(bag),
        unknown_fields=draw(st.dictionaries(st.text("xyz", min_size=1, max_size=3), json_values)),
    )


@settings(max_examples=60, deadline=None)
@given(states(), st.booleans(), st.integers(0, 3000))
def test_any_state_survives_the_way_there_and_back(
    value: LTX2ContinuationState, stored: bool, threshold: int
) -> None:
    store = DictStore() if stored else None
    codec = LTX2ContinuationCodec(threshold)
    back = codec.decode(through_json(codec.encode(value, store)), store)
    assert described(back) == described(value)
    assert back.unknown_fields == value.unknown_fields
    assert back.video_frames_blob_id is None and back.audio_latents_blob_id is None
