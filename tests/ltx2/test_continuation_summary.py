"""What a summary of an LTX-2 state says."""

from __future__ import annotations

from longtake_ltx2.continuation import LTX2ContinuationCodec
from tests.ltx2.documents import wire_case


def test_a_summary_says_what_is_where() -> None:
    state, _, _ = wire_case("full-inline")
    summary = LTX2ContinuationCodec().summarize(state)
    video, audio = summary.parts
    assert (summary.schema_version, summary.segment_index) == (1, 4)
    assert (video.where, video.detail) == ("inline", "9 frames of 96x64")
    assert (audio.where, audio.detail) == ("inline", "bfloat16 [1, 8, 26, 16], last 26 condition")
    assert video.num_bytes
    assert audio.num_bytes
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
