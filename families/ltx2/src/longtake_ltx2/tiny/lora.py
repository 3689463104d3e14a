"""Write a random LoRA for a checkpoint's transformer, for the tests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from longtake_ltx2.loading.weight_files import weight_files

__all__ = ["write_tiny_lora"]

_BLOCKS = "transformer_blocks."
_STRENGTH = 0.3
"""Deviation of the change, beside weights that keep the variance."""


def write_tiny_lora(
    path: str | Path,
    checkpoint: str | Path,
    *,
    seed: int = 0,
    rank: int = 4,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write random LoRA weights for every linear layer of the transformer's blocks to ``path``.

    The keys are diffusers': ``transformer.<layer>.lora_A.weight`` ``[rank, inputs]`` and
    ``lora_B.weight`` ``[outputs, rank]``, fp32. ``metadata``: of the file's header. The
    same arguments give the same bytes. Parent folders are created, a file at ``path`` is replaced.

    Raises:
        longtake.CheckpointError: the checkpoint has no transformer.
    """
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, torch.Tensor] = {}
    for layer, (outputs, inputs) in sorted(_linear_layers(Path(checkpoint) / "transformer")):
        down = torch.randn(rank, inputs, generator=generator) / math.sqrt(inputs)
        up = torch.randn(outputs, rank, generator=generator) * _STRENGTH / math.sqrt(rank)
        weights[f"transformer.{layer}.lora_A.weight"] = down
        weights[f"transformer.{layer}.lora_B.weight"] = up
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, target, {"format": "pt", **(metadata or {})})
    return target


def _linear_layers(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name and ``(outputs, inputs)`` of each linear layer in the blocks."""
    from safetensors import safe_open

    for file in weight_files(folder):
        with safe_open(file, framework="numpy") as weights:
            for key in weights.keys():  # noqa: SIM118  (not a mapping)
                layer, _, kind = key.rpartition(".")
                shape = weights.get_slice(key).get_shape()
                if key.startswith(_BLOCKS) and kind == "weight" and len(shape) == 2:
                    yield layer, (shape[0], shape[1])
