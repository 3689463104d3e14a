"""The big parts of an LTX-2 state in a blob store."""

from __future__ import annotations

import pytest
import torch

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationCodec, LTX2ContinuationState
from tests.ltx2.documents import DictStore, described, latents, small_frames, wire_case

FRAMES_MIME = "application/x-fastvideo-frames+png"
TENSOR_MIME = "application/x-fastvideo-tensor+safetensors"


@pytest.mark.parametrize("part", ["video", "audio"])
def test_a_part_goes_to_the_store_only_above_the_threshold(part: str) -> None:
    value = (
        LTX2ContinuationState(video_frames=small_frames())
        if part == "video"
        else LTX2ContinuationState(audio_latents=latents())
    )
    summary = LTX2ContinuationCodec().summarize(value.to_continuation_state())
    size = sum(part.num_bytes or 0 for part in summary.parts)
    for threshold, stored in ((size, False), (size - 1, True)):
        store = DictStore()
        state = value.to_continuation_state(blob_store=store, inline_threshold_bytes=threshold)
        assert bool(store.blobs) == stored
        assert ("blob_id" in state.payload[part]) == stored
    inline = value.to_continuation_state(inline_threshold_bytes=0)
    assert "blob_id" not in inline.payload[part]


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
    assert unfetched.video_frames is None
    assert unfetched.audio_latents is None
    assert unfetched.video_frames_blob_id == state.payload["video"]["blob_id"]
    assert unfetched.audio_latents_blob_id == state.payload["audio"]["blob_id"]
    again = codec.encode(unfetched, DictStore())
    assert again.payload["video"] == {"blob_id": unfetched.video_frames_blob_id}
    assert described(codec.decode(again, store)) == expected


def test_fetched_parts_have_no_id_left() -> None:
    state, store, _ = wire_case("full-blobs")
    fetched = LTX2ContinuationCodec().decode(state, store)
    assert fetched.video_frames_blob_id is None
    assert fetched.audio_latents_blob_id is None


def test_the_ids_of_the_blobs() -> None:
    state, store, _ = wire_case("full-blobs")
    codec = LTX2ContinuationCodec()
    assert set(codec.blob_ids(state)) == store.blobs.keys()
    assert codec.blob_ids(state)[0] == state.payload["video"]["blob_id"]
    assert codec.blob_ids(wire_case("full-inline")[0]) == ()
