"""Continuation documents for the tests: whole ones, changed ones, and hostile files in them."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationCodec, LTX2ContinuationState

WIRE = Path(__file__).parent / "wire" / "ltx2.v1"
CODEC = LTX2ContinuationCodec()
CLOCK = {"frames": 113, "fps": [24, 1], "latents": 118, "samples": 226_000}


class DictStore:
    """A blob store whose blobs can be damaged, and that remembers their mimes."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.mimes: dict[str, str] = {}

    def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
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


def whole_state(blobs: DictStore | None = None) -> lt.ContinuationState:
    rng = np.random.default_rng(0)
    value = LTX2ContinuationState(
        segment_index=3,
        video_frames=list(rng.integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)),
        audio_latents=torch.randn(1, 2, 6, 4, generator=torch.Generator().manual_seed(0)),
        audio_sample_rate=24000,
        audio_conditioning_num_frames=6,
        metadata={"longtake": {"clock": CLOCK, "seed": 7}},
    )
    return LTX2ContinuationCodec(0).encode(value, blobs)


WHOLE = json.loads(whole_state().to_json())


def decode(document: dict[str, Any], blobs: lt.BlobStore | None = None) -> LTX2ContinuationState:
    return CODEC.decode(lt.ContinuationState(document["kind"], document["payload"]), blobs)


def refusal(document: dict[str, Any], blobs: lt.BlobStore | None = None) -> lt.ValidationError:
    with pytest.raises(lt.ValidationError) as caught:
        decode(document, blobs)
    assert caught.value.path == "state" or caught.value.path.startswith("state.")
    assert len(str(caught.value)) < 400
    return caught.value


def changed(path: str, value: Any) -> dict[str, Any]:
    """The whole document with ``value`` at a dotted path."""
    document: dict[str, Any] = copy.deepcopy(WHOLE)
    *parents, last = path.split(".")
    place: Any = document
    for parent in parents:
        place = place[parent]
    place[last] = value
    return document


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def pixels(width: int, height: int) -> bytes:
    return chunk(b"IDAT", zlib.compress(bytes(height * (3 * width + 1))))


END = chunk(b"IEND")
SMALL = png(header(7, 5), pixels(7, 5), END)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def safetensors(header: Any, data: bytes = bytes(16)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(**changes: Any) -> dict[str, Any]:
    return {"t": {"dtype": "F32", "shape": [1, 1, 4, 1], "data_offsets": [0, 16]} | changes}


def decodes_or_is_refused(document: dict[str, Any], blobs: DictStore | None = None) -> None:
    try:
        decode(document, blobs)
    except lt.ValidationError as error:
        if not error.path.startswith("state"):
            raise
