"""Damaged and hostile LTX-2 states: every one is one ValidationError with a path."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationState
from tests.ltx2.documents import CODEC, SMALL, DictStore, b64, changed, refusal, whole_state

SCALARS: list[tuple[str, Any]] = [
    (f"payload.{name}", value)
    for name, values in dict[str, list[Any]](
        {
            "schema_version": [0, 2, -1, "1", 1.0, True, None, 10**30],
            "segment_index": [-1, "3", 3.0, True, None, 2**53 + 1, [3]],
            "video_conditioning_frame_idx": [-1, 10**7, 0.5, None],
            "video_conditioning_strength": [-0.01, 1.01, "1", True, None, float("nan"), 10**400],
            "audio_conditioning_strength": [2, float("inf"), False, [1.0]],
            "audio_conditioning_num_frames": [-1, 7, 10**9, 6.0, None],
            "audio_sample_rate": [0, -24000, 24000.0, None, "24000", 2**31],
            "video_position_offset_sec": [float("nan"), float("-inf"), 1e7, "0", None, True],
            "metadata": [None, [], "x", 1],
        }
    ).items()
    for value in values
]


@pytest.mark.parametrize(("path", "value"), SCALARS)
def test_a_wrong_scalar_is_named(path: str, value: Any) -> None:
    assert refusal(changed(path, value)).path == f"state.{path}"


def test_the_supported_versions_are_said() -> None:
    assert "supported: 1" in str(refusal(changed("payload.schema_version", 2)))


@pytest.mark.parametrize("kind", ["ltx2.v2", "", None, 1])
def test_another_kind_is_refused(kind: Any) -> None:
    assert refusal(changed("kind", kind)).path == "state.kind"


@pytest.mark.parametrize("payload", [None, [], "x", 3, {1: 2}])
def test_a_payload_that_is_no_object_is_refused(payload: Any) -> None:
    assert refusal(changed("payload", payload)).path == "state.payload"


LONGTAKE = "payload.metadata.longtake"
METADATA: list[tuple[str, Any, str]] = [
    (LONGTAKE, None, ""),
    (LONGTAKE, [], ""),
    (f"{LONGTAKE}.seed", -1, ""),
    (f"{LONGTAKE}.seed", 2**64, ""),
    (f"{LONGTAKE}.seed", True, ""),
    (f"{LONGTAKE}.seed", None, ""),
    (f"{LONGTAKE}.clock", None, ""),
    (f"{LONGTAKE}.clock", [113, 24, 118], ""),
    (f"{LONGTAKE}.clock", {}, ".frames"),
    (f"{LONGTAKE}.clock", {"frames": 1, "fps": [1, 1]}, ".latents"),
    (f"{LONGTAKE}.clock.frames", -1, ""),
    (f"{LONGTAKE}.clock.frames", 2**53 + 1, ""),
    (f"{LONGTAKE}.clock.frames", "113", ""),
    (f"{LONGTAKE}.clock.latents", 1.5, ""),
    (f"{LONGTAKE}.clock.samples", -1, ""),
    (f"{LONGTAKE}.clock.samples", True, ""),
    (f"{LONGTAKE}.clock.fps", 24, ""),
    (f"{LONGTAKE}.clock.fps", "24/1", ""),
    (f"{LONGTAKE}.clock.fps", [24], ""),
    (f"{LONGTAKE}.clock.fps", [24, 1, 1], ""),
    (f"{LONGTAKE}.clock.fps", [24, 0], "[1]"),
    (f"{LONGTAKE}.clock.fps", [-24, 1], "[0]"),
    (f"{LONGTAKE}.clock.fps", [24.0, 1], "[0]"),
    (f"{LONGTAKE}.clock.fps", [2**64, 1], "[0]"),
    (f"{LONGTAKE}.clock.fps", [2000, 1], ""),
    (f"{LONGTAKE}.clock.fps", [1, 2000], ""),
]


@pytest.mark.parametrize(("path", "value", "below"), METADATA)
def test_a_damaged_clock_or_seed_is_named(path: str, value: Any, below: str) -> None:
    assert refusal(changed(path, value)).path == f"state.{path}{below}"


PARTS: list[tuple[str, Any, str]] = [
    ("payload.video", None, ""),
    ("payload.video", [], ""),
    ("payload.video", {}, ""),
    ("payload.video", {"frames_b64": [b64(SMALL)], "blob_id": "x"}, ""),
    ("payload.video", {"frames_b64": [b64(SMALL)], "blob_id": None}, ""),
    ("payload.video", {"blob_id": None}, ".blob_id"),
    ("payload.video", {"blob_id": ""}, ".blob_id"),
    ("payload.video", {"blob_id": 7}, ".blob_id"),
    ("payload.video", {"blob_id": "x" * 257}, ".blob_id"),
    ("payload.video", {"blob_id": "a\nb"}, ".blob_id"),
    ("payload.video", {"blob_id": "x", "frame_count": 0}, ".frame_count"),
    ("payload.video", {"blob_id": "x", "frame_count": "4"}, ".frame_count"),
    ("payload.video", {"frames_b64": [b64(SMALL)], "frame_count": 2}, ".frame_count"),
    ("payload.video.frames_b64", None, ""),
    ("payload.video.frames_b64", b64(SMALL), ""),
    ("payload.video.frames_b64", [], ""),
    ("payload.video.frames_b64", [b64(SMALL)] * 1026, ""),
    ("payload.video.frames_b64", [b64(SMALL), None], "[1]"),
    ("payload.video.frames_b64", [b64(SMALL), ""], "[1]"),
    ("payload.video.frames_b64", ["not base64!"], "[0]"),
    ("payload.video.frames_b64", ["é"], "[0]"),
    ("payload.video.frames_b64", [b64(SMALL)[:-5]], "[0]"),
    ("payload.audio", None, ""),
    ("payload.audio", {}, ""),
    ("payload.audio", {"safetensors_b64": "", "blob_id": "x"}, ""),
    ("payload.audio", {"blob_id": ["x"]}, ".blob_id"),
    ("payload.audio", {"blob_id": "\x7f"}, ".blob_id"),
    ("payload.audio.safetensors_b64", None, ""),
    ("payload.audio.safetensors_b64", "", ""),
    ("payload.audio.safetensors_b64", "====", ""),
]


@pytest.mark.parametrize(("path", "value", "below"), PARTS)
def test_a_wrong_part_is_named(path: str, value: Any, below: str) -> None:
    assert refusal(changed(path, value)).path == f"state.{path}{below}"


Damage = Callable[[bytes], bytes]
BLOBS: dict[str, tuple[str, Damage, str]] = {
    "frames empty": ("video", lambda blob: b"", ""),
    "frames cut in the count": ("video", lambda blob: blob[:3], ""),
    "no frames": ("video", lambda blob: bytes(4), ""),
    "count of 2**32 - 1": ("video", lambda blob: b"\xff" * 4 + blob[4:], ""),
    "count one too high": ("video", lambda blob: b"\0\0\0\4" + blob[4:], "[3]"),
    "count one too low": ("video", lambda blob: b"\0\0\0\2" + blob[4:], ""),
    "length beyond the end": ("video", lambda blob: blob[:4] + b"\xff" * 4 + blob[8:], "[0]"),
    "length of 0": ("video", lambda blob: b"\0\0\0\3" + bytes(12), "[0]"),
    "cut in the last frame": ("video", lambda blob: blob[:-1], "[2]"),
    "bytes after the last frame": ("video", lambda blob: blob + b"x", ""),
    "latents empty": ("audio", lambda blob: b"", ""),
    "latents cut": ("audio", lambda blob: blob[:-1], ""),
    "latents longer": ("audio", lambda blob: blob + b"x", ""),
    "latents too large": ("audio", lambda blob: bytes(65 * 2**20), ""),
}


@pytest.mark.parametrize("name", BLOBS)
def test_a_damaged_blob_is_named(name: str) -> None:
    part, damage, below = BLOBS[name]
    blobs = DictStore()
    document = json.loads(whole_state(blobs).to_json())
    blob_id = document["payload"][part]["blob_id"]
    blobs.blobs[blob_id] = damage(blobs.blobs[blob_id])
    assert refusal(document, blobs).path == f"state.payload.{part}.blob_id{below}"


@pytest.mark.parametrize("part", ["video", "audio"])
def test_a_missing_blob_is_named(part: str) -> None:
    blobs = DictStore()
    document = json.loads(whole_state(blobs).to_json())
    blobs.drop(document["payload"][part]["blob_id"])
    error = refusal(document, blobs)
    assert error.path == f"state.payload.{part}.blob_id"
    assert "was it dropped?" in str(error)


def test_a_frame_count_that_does_not_match_its_blob_is_refused() -> None:
    blobs = DictStore()
    document = json.loads(whole_state(blobs).to_json())
    document["payload"]["video"]["frame_count"] = 2
    assert refusal(document, blobs).path == "state.payload.video.frame_count"


def test_the_ids_and_the_summary_refuse_like_decoding() -> None:
    broken = changed("payload.video", {"blob_id": 7})
    state = lt.ContinuationState(broken["kind"], broken["payload"])
    for read in (CODEC.blob_ids, CODEC.summarize):
        with pytest.raises(lt.ValidationError, match="blob_id"):
            read(state)


WRITTEN: list[tuple[dict[str, Any], str]] = [
    ({"video_frames": [np.zeros((4, 6, 3), np.float32)]}, "state.video_frames[0]"),
    ({"video_frames": [np.zeros((4, 6), np.uint8)]}, "state.video_frames[0]"),
    ({"video_frames": [np.zeros((4, 6, 4), np.uint8)]}, "state.video_frames[0]"),
    ({"video_frames": [np.zeros((4, 0, 3), np.uint8)]}, "state.video_frames[0]"),
    ({"video_frames": [[[[0, 0, 0]]]]}, "state.video_frames[0]"),
    ({"video_frames": [np.zeros((1, 9000, 3), np.uint8)]}, "state.video_frames[0]"),
    ({"video_frames": [np.zeros((1, 1, 3), np.uint8)] * 1026}, "state.video_frames"),
    (
        {"video_frames": [np.zeros((4, 6, 3), np.uint8), np.zeros((6, 4, 3), np.uint8)]},
        "state.video_frames[1]",
    ),
    ({"audio_latents": np.zeros((1, 1, 1, 1), np.float32)}, "state.audio_latents"),
    ({"audio_latents": torch.zeros(1, 1, 1)}, "state.audio_latents"),
    ({"audio_latents": torch.zeros(1, 0, 1, 1)}, "state.audio_latents"),
    ({"audio_latents": torch.zeros(1, 1, 1, 1).double()}, "state.audio_latents"),
    ({"audio_latents": torch.full((1, 1, 1, 1), float("nan"))}, "state.audio_latents"),
    (
        {"audio_latents": torch.zeros(1, 1, 3, 1), "audio_conditioning_num_frames": 4},
        "state.payload.audio_conditioning_num_frames",
    ),
]


@pytest.mark.parametrize(("fields", "path"), WRITTEN)
def test_what_could_not_be_read_is_not_written(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        LTX2ContinuationState(**fields).to_continuation_state()
    assert caught.value.path == path


CONSTRUCTED: list[tuple[dict[str, Any], str]] = [
    ({"segment_index": -1}, "state.payload.segment_index"),
    ({"video_conditioning_strength": 1.5}, "state.payload.video_conditioning_strength"),
    ({"audio_sample_rate": 0}, "state.payload.audio_sample_rate"),
    ({"video_frames": [], "video_frames_blob_id": "x"}, "state.video_frames_blob_id"),
    (
        {"audio_latents": torch.zeros(1, 1, 1, 1), "audio_latents_blob_id": "x"},
        "state.audio_latents_blob_id",
    ),
    ({"audio_latents_blob_id": ""}, "state.audio_latents_blob_id"),
    ({"metadata": {"longtake": {"seed": -1}}}, "state.payload.metadata.longtake.seed"),
    ({"unknown_fields": {"segment_index": 3}}, "state.unknown_fields.segment_index"),
]


@pytest.mark.parametrize(("fields", "path"), CONSTRUCTED)
def test_a_wrong_value_is_refused_when_the_state_is_made(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        LTX2ContinuationState(**fields)
    assert caught.value.path == path
