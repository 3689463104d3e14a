"""A denoising loop's conditioning as a JSON document and a list of tensors, and back.

Nothing is pickled: the document is read by the declared types of the values.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch
from attrs import frozen
from cattrs import Converter

from longtake_ltx2.denoising.denoiser import Denoiser
from longtake_ltx2.denoising.guidance import Guidance
from longtake_ltx2.forward.choice import FORWARDS
from longtake_ltx2.numerics import NUMERICS
from longtake_ltx2.parallel.connections import Message
from longtake_ltx2.parallel.group import TensorGroup
from longtake_ltx2.values import Geometry, NoisyLatents, TextContext

__all__ = ["denoiser_message", "receive_denoiser", "send_denoiser"]


@frozen(eq=False)
class _Document:
    """What a `Denoiser` has beyond the transformer and the numerics, which every rank has."""

    noisy: NoisyLatents
    text: TextContext
    geometry: Geometry
    guidance: Guidance


def _converter(tensors: list[torch.Tensor]) -> Converter:
    """Tensors stand in the document as their place in ``tensors``."""

    def put(tensor: torch.Tensor) -> int:
        tensors.append(tensor)
        return len(tensors) - 1

    converter = Converter()
    converter.register_unstructure_hook(torch.Tensor, put)
    converter.register_structure_hook(torch.Tensor, lambda index, _: tensors[index])
    converter.register_unstructure_hook(Fraction, str)
    converter.register_structure_hook(Fraction, lambda text, _: Fraction(text))
    return converter


def denoiser_message(denoiser: Denoiser) -> tuple[Message, list[torch.Tensor]]:
    """What to tell the other ranks about ``denoiser``, and the tensors that are to follow."""
    tensors: list[torch.Tensor] = []
    document = _Document(denoiser.noisy, denoiser.text, denoiser.geometry, denoiser.guidance)
    shown = _converter(tensors).unstructure(document)
    kinds = [[str(tensor.dtype).removeprefix("torch."), *tensor.shape] for tensor in tensors]
    return {"denoiser": shown, "tensors": kinds, "forward": denoiser.forward.name}, tensors


def send_denoiser(tensors: list[torch.Tensor], group: TensorGroup) -> None:
    """From rank 0, one by one: as one document they would be copied twice."""
    for tensor in tensors:
        group.broadcast(tensor.to(group.device).contiguous())


def receive_denoiser(message: Message, transformer: Any, group: TensorGroup) -> Denoiser:
    """On the other ranks: the denoiser that rank 0 has, on this rank's transformer."""
    tensors = []
    for name, *shape in message["tensors"]:
        tensor = torch.empty(shape, dtype=vars(torch)[name], device=group.device)
        group.broadcast(tensor)
        tensors.append(tensor)
    document = _converter(tensors).structure(message["denoiser"], _Document)
    numerics = NUMERICS[document.guidance.numerics.name]
    return Denoiser(
        transformer,
        numerics,
        document.noisy,
        document.text,
        document.geometry,
        document.guidance,
        FORWARDS[message["forward"]](transformer),
    )
