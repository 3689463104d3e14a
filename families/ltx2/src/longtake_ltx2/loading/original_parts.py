"""The smaller networks of files in Lightricks' own layout: text, sound, sizes, the decoder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from longtake_ltx2.checkpoints.configs import config_in_file, config_of
from longtake_ltx2.checkpoints.gemma_file import gemma_names
from longtake_ltx2.checkpoints.layout import Layout
from longtake_ltx2.checkpoints.original_names import FUSED
from longtake_ltx2.checkpoints.single_file import SingleFile, single_file
from longtake_ltx2.loading.classes import class_of, text_encoder_class_of
from longtake_ltx2.loading.contents import contents_of
from longtake_ltx2.loading.floats import torch_dtype
from longtake_ltx2.loading.scales import scales_of
from longtake_ltx2.loading.single_file import tensors_in
from longtake_ltx2.loading.weights import assembled, ready, text_encoder_from_contents

__all__ = ["load_part", "load_text_encoder_file"]

Tensors = dict[str, torch.Tensor]

_GATES = {
    ".attn.to_out.0.weight": ".gate_msa",
    ".attn.to_out.0.bias": ".gate_msa",
    ".mlp.w_down.weight": ".gate_mlp",
    ".mlp.w_down.bias": ".gate_mlp",
    ".context_proj.weight": ".gate_ctx",
    ".context_proj.bias": ".gate_ctx",
}
"""Of the diffusion decoder: the linear layers whose output a gate multiplies, and the gate."""


def load_part(layout: Layout, name: str, precision: str) -> Any:
    """A network of a checkpoint that is in a single file, on the CPU; not the text encoder.

    Raises `longtake.CheckpointError` for a file that is damaged, something else, or not what its
    configuration says.
    """
    file = single_file(layout.place(name), name)
    parts = [(file, name)]
    if name == "connectors":
        projection = single_file(layout.place("text_projection"), "text_projection")
        config = config_of(layout, name)
        parts.append((projection, "text_projection"))
    else:
        config = config_in_file(file, name, layout.generation)
    return _assembled(parts, name, config, torch_dtype(precision))


def _assembled(
    parts: Iterable[tuple[SingleFile, str]], name: str, config: dict[str, Any], dtype: torch.dtype
) -> Any:
    parts = list(parts)
    path = parts[0][0].path
    tensors = apart(gated(tensors_in(parts, name, dtype)))
    network = assembled(class_of(name, config, path), config, tensors, path, dtype)
    return ready(network)


def apart(tensors: Tensors) -> Tensors:
    """With projections that are fused for queries, keys and values in three of their own."""
    found = {}
    for name, tensor in tensors.items():
        if FUSED not in name:
            found[name] = tensor
            continue
        for own, part in zip(("to_q.", "to_k.", "to_v."), tensor.chunk(3), strict=True):
            found[name.replace(FUSED, own)] = part.clone()
    return found


def gated(tensors: Tensors) -> Tensors:
    """With the gates of the distilled diffusion decoder in the layers that they follow.

    A gate has a factor for each channel that its layer gives.
    """
    gates = {name: t.float() for name, t in tensors.items() if name.endswith(_GATE_ENDS)}
    found = {}
    for name, tensor in tensors.items():
        if name in gates:
            continue
        end = next((end for end in _GATES if name.endswith(end)), None)
        gate = None if end is None else gates.get(name.removesuffix(end) + _GATES[end])
        if gate is not None:
            factor = gate[:, None] if tensor.ndim == 2 else gate
            tensor = (factor * tensor.float()).to(tensor.dtype)
        found[name] = tensor
    return found


_GATE_ENDS = tuple(sorted(set(_GATES.values())))


def load_text_encoder_file(path: Path, precision: str) -> Any:
    """The text encoder of a single file, on the CPU.

    Raises `longtake.CheckpointError` as `load_part`.
    """
    file = single_file(path, "text_encoder")
    config = config_in_file(file, "text_encoder")
    cls = text_encoder_class_of(config, path)
    contents = contents_of(path, [path]).named(gemma_names(file.names_of("text_encoder")))
    scales_of(contents, config)
    return text_encoder_from_contents(cls, config, contents, precision)
