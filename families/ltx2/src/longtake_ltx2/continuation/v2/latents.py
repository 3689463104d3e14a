"""The encoded prefix as one safetensors file: ``pass_0`` and on, and the VAE beside them."""

from __future__ import annotations

import longtake as lt
from longtake_ltx2.continuation.checks import refuse
from longtake_ltx2.continuation.prefix import EncodedPrefix
from longtake_ltx2.continuation.tensors import decode_tensors, encode_tensors

__all__ = ["decode_prefix", "encode_prefix"]

_FORM = "[1, C, F, H, W]"


def encode_prefix(prefix: EncodedPrefix, path: str, budget: lt.StateBudget) -> bytes:
    """The file of ``prefix``. Raises like `encode_tensors`."""
    tensors = {f"pass_{index}": each for index, each in enumerate(prefix.latents)}
    return encode_tensors(tensors, _FORM, path, budget, notes={"vae": prefix.vae})


def decode_prefix(file: bytes | memoryview, path: str, budget: lt.StateBudget) -> EncodedPrefix:
    """The inverse of `encode_prefix`. Raises like `decode_tensors` and `EncodedPrefix`."""

    def check_names(names: list[str]) -> None:
        if not names or names != [f"pass_{index}" for index in range(len(names))]:
            refuse(path, "must hold the tensors 'pass_0' and on")

    tensors, notes = decode_tensors(file, _FORM, path, budget, check_names=check_names)
    return EncodedPrefix(tuple(tensors.values()), notes.get("vae", ""))
