"""Damaged and hostile safetensors files in a state are refused."""

from __future__ import annotations

import struct

import pytest

from tests.ltx2.documents import b64, changed, decode, refusal, safetensors, tensor

TENSORS: dict[str, tuple[bytes, str]] = {
    "cut in the length": (b"\x10\0\0", ""),
    "header longer than the file": (struct.pack("<Q", 2**40) + b"{}", ""),
    "huge header": (safetensors(b"{" + b" " * 70_000 + b"}"), ""),
    "not JSON": (safetensors(b"{]"), ""),
    "not UTF-8": (safetensors(b'{"\xff\xfe": 1}'), ""),
    "deep": (safetensors(b"[" * 60_000), ""),
    "a list": (safetensors([1, 2]), ""),
    "no tensor": (safetensors({}), ""),
    "another name": (safetensors({"u": tensor()["t"]}), ""),
    "two tensors": (safetensors(tensor() | {"u": tensor()["t"]}), ""),
    "tensor is null": (safetensors({"t": None}), ".t"),
    "float64": (safetensors(tensor(dtype="F64")), ".t.dtype"),
    "dtype is a list": (safetensors(tensor(dtype=["F32"])), ".t.dtype"),
    "3-D": (safetensors(tensor(shape=[1, 4, 1])), ".t.shape"),
    "shape missing": (safetensors({"t": {"dtype": "F32"}}), ".t.shape"),
    "zero": (safetensors(tensor(shape=[1, 0, 4, 1], data_offsets=[0, 0]), b""), ".t.shape[1]"),
    "negative": (safetensors(tensor(shape=[-1, -1, 4, 1])), ".t.shape[0]"),
    "bool": (safetensors(tensor(shape=[True, 1, 4, 1])), ".t.shape[0]"),
    "huge": (safetensors(tensor(shape=[2**26] * 4)), ".t.data_offsets"),
    "huge and consistent": (
        safetensors(tensor(shape=[1, 1, 2**26, 1], data_offsets=[0, 2**28])),
        "",
    ),
    "offsets": (safetensors(tensor(data_offsets=[4, 20])), ".t.data_offsets"),
    "too few bytes": (safetensors(tensor(), bytes(12)), ""),
    "too many bytes": (safetensors(tensor(), bytes(20)), ""),
    "NaN": (safetensors(tensor(), struct.pack("<4f", 0, 0, float("nan"), 0)), ""),
    "infinity": (safetensors(tensor(), struct.pack("<4f", 0, float("inf"), 0, 0)), ""),
    "absurd": (safetensors(tensor(), struct.pack("<4f", 0, 3e38, 0, 0)), ""),
    "more than a latent": (safetensors(tensor(), struct.pack("<4f", 0, 0, -10_001, 0)), ""),
    "metadata is no object": (safetensors(tensor() | {"__metadata__": 3}), ""),
    "name twice": (
        safetensors(
            b'{"t":{"dtype":"BF16","shape":[1,1,2,4],"data_offsets":[0,16]},'
            b'"t":{"dtype":"F32","shape":[1,1,4,1],"data_offsets":[0,16]}}'
        ),
        "",
    ),
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_damaged_tensor_is_named(name: str) -> None:
    file, below = TENSORS[name]
    document = changed("payload.audio.safetensors_b64", b64(file))
    document["payload"]["audio_conditioning_num_frames"] = 0
    assert refusal(document).path == f"state.payload.audio.safetensors_b64{below}"


def test_a_whole_tensor_is_not_refused() -> None:
    document = changed("payload.audio.safetensors_b64", b64(safetensors(tensor())))
    document["payload"]["audio_conditioning_num_frames"] = 4
    assert decode(document).audio_latents is not None


def test_too_large_a_tensor_is_refused_before_it_is_decoded() -> None:
    error = refusal(changed("payload.audio.safetensors_b64", "A" * (90 * 2**20)))
    assert "holds more than" in str(error)
