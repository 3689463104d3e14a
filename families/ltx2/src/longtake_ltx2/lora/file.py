"""A file with LoRA weights, in any of the layouts of `longtake_ltx2.lora.layouts`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

import longtake as lt
from longtake_ltx2.lora.layers import LoRALayer, checked_layer, checked_scale
from longtake_ltx2.lora.layouts import LAYOUTS, UNREAD, Layer, Layout, Part, Role, ending_of
from longtake_ltx2.lora.settings import settings_beside, settings_inside

if TYPE_CHECKING:
    import torch

__all__ = ["LoRAFile", "lora_file"]

_PICKLE_STARTS = (b"PK\x03\x04", b"\x80")
_KINDS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
"""Floating point types, as safetensors call them."""


@frozen
class LoRAFile:
    """Where a LoRA is, what layout it has, and the layers that it changes in each network.

    ``metadata``: what its header says besides.
    """

    path: Path
    layout: Layout
    parts: Mapping[Part, tuple[LoRALayer, ...]] = field(repr=False)
    metadata: Mapping[str, str] = field(factory=dict, repr=False)

    @property
    def is_dora(self) -> bool:
        """Whether it has magnitudes (https://arxiv.org/abs/2402.09353)."""
        return any(layer.is_dora for layers in self.parts.values() for layer in layers)

    def weights(self, part: Part, layers: Iterable[str]) -> dict[str, torch.Tensor]:
        """Tensors by diffusers' names, ``<part>.<layer>.lora_A.weight``, alphas worked in.

        ``layers``: the linear layers of the network. Raises `longtake.CheckpointError` for a layer
        that it does not have. The tensors are copies, because tensors mapped from a file are not
        aligned: other bits come of such.
        """
        from safetensors import safe_open

        names = {name.replace(".", self.layout.separator): name for name in layers}
        with_bias = any(layer.has_bias for layer in self.parts[part])
        found: dict[str, torch.Tensor] = {}
        with safe_open(self.path, framework="pt") as file:
            for layer in self.parts[part]:
                name = names.get(layer.layer.name)
                if name is None:
                    key = layer.keys["down"]
                    problem = f"is for another network: the {part} has no linear layer for {key!r}"
                    raise lt.CheckpointError(str(self.path), problem)
                tensors = layer.weights(lambda k: file.get_tensor(k).clone(), with_bias=with_bias)
                found |= {f"{part}.{name}.{ending}": each for ending, each in tensors.items()}
        return dict(sorted(found.items()))


def lora_file(path: Path) -> LoRAFile:
    """What a LoRA file says about itself; of its weights only the alphas are read.

    ``path``: a .safetensors file, or a folder with just one. Raises `longtake.CheckpointError`
    when it is damaged, pickled, or has anything in it but LoRA weights for LTX-2.
    """
    if path.is_dir():
        path = _only_file(path)
    shapes, metadata = _header(path)
    layout, layers = _layers(path, shapes)
    parts: defaultdict[Part, list[LoRALayer]] = defaultdict(list)
    for layer, keys in sorted(layers.items(), key=lambda item: item[0].name):
        parts[layer.part].append(checked_layer(str(path), layer, keys, shapes))
    for part, found in parts.items():
        parts[part] = _scaled(path, layout, metadata, part, found)
    every = [layer for found in parts.values() for layer in found]
    plain = [layer for layer in every if not layer.is_dora]
    if plain and len(plain) < len(every):
        problem = f"has magnitudes for some layers and none for {plain[0].layer.written!r}"
        raise lt.CheckpointError(str(path), f"{problem}; only a whole DoRA is read")
    whole = {part: tuple(found) for part, found in parts.items()}
    return LoRAFile(path, layout, whole, metadata)


def _only_file(folder: Path) -> Path:
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        raise lt.CheckpointError(
            str(folder), f"has {len(found)} .safetensors files; give the path of the LoRA's own"
        )
    return found[0]


def _header(path: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Shapes by key, and the metadata."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as tensors:
            slices = {key: tensors.get_slice(key) for key in tensors.keys()}  # noqa: SIM118
            kinds = {key: each.get_dtype() for key, each in slices.items()}
            shapes = {key: tuple(each.get_shape()) for key, each in slices.items()}
            metadata = tensors.metadata() or {}
    except FileNotFoundError:
        raise lt.CheckpointError(str(path), "missing; there is no such LoRA file") from None
    except (OSError, SafetensorError) as error:
        raise lt.CheckpointError(str(path), _what_it_is(path) or f"is damaged ({error})") from error
    for key, kind in kinds.items():
        if kind not in _KINDS and not key.endswith(".alpha"):
            raise lt.CheckpointError(str(path), f"{key!r} is of type {kind}; only floats are read")
    return shapes, metadata


def _what_it_is(path: Path) -> str | None:
    """More than that it is no .safetensors file."""
    with suppress(OSError), path.open("rb") as file:
        if file.read(4).startswith(_PICKLE_STARTS):
            return "is a pickled file, which can run code; only .safetensors is read"
    return None


def _layers(path: Path, keys: Iterable[str]) -> tuple[Layout, dict[Layer, dict[Role, str]]]:
    """The layout of the file, and the keys of each layer. Every key counts, or it is refused."""
    written: defaultdict[str, dict[Role, str]] = defaultdict(dict)
    for key in sorted(keys):
        known = ending_of(key)
        if known is None or known[1] in written[known[0]]:
            raise lt.CheckpointError(str(path), _unread(key))
        written[known[0]][known[1]] = key
    if not written:
        raise lt.CheckpointError(str(path), "has no weights")
    for layout in LAYOUTS:
        found = {layer: roles for text, roles in written.items() if (layer := layout.layer(text))}
        if len(found) == len(written):
            return layout, found
    raise lt.CheckpointError(str(path), _no_layout(written))


def _unread(key: str) -> str:
    meant = [what for part, what in UNREAD.items() if part in key]
    if meant:
        return f"has {key!r}: it is {meant[0]}, which is not read; only LoRA and DoRA are"
    return f"has {key!r}, which is no LoRA weight that could be used"


def _no_layout(written: Mapping[str, Mapping[Role, str]]) -> str:
    firsts: dict[str, str] = {}
    for text, roles in written.items():
        key = min(roles.values())
        layout = next((each for each in LAYOUTS if each.layer(text)), None)
        if layout is None:
            return f"has {key!r}, which belongs to no network of LTX-2"
        firsts.setdefault(layout.writers, key)
    shown = ", ".join(f"{key!r} ({writers})" for writers, key in firsts.items())
    return f"mixes layouts, or names a layer twice: {shown}"


def _scaled(
    path: Path, layout: Layout, metadata: Mapping[str, str], part: Part, layers: list[LoRALayer]
) -> list[LoRALayer]:
    """The layers with their scales: of their alphas, of settings, or else 1."""
    settings = settings_inside(path, metadata, part)
    if settings is None and "base_model.model." in layout.roots:
        settings = settings_beside(path)
    alphas = _alphas(path, [layer.keys["alpha"] for layer in layers if "alpha" in layer.keys])
    if settings is not None and alphas:
        problem = f"has {min(alphas)!r} beside settings with an alpha of their own"
        raise lt.CheckpointError(str(path), f"{problem}; which of the two counts is not known")
    if settings is not None:
        return [evolve(layer, scale=settings.scale(layer)) for layer in layers]
    return [
        evolve(layer, scale=checked_scale(str(path), key, alphas[key], layer.rank))
        if (key := layer.keys.get("alpha")) is not None
        else layer
        for layer in layers
    ]


def _alphas(path: Path, keys: list[str]) -> dict[str, Any]:
    if not keys:
        return {}
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key).item() for key in keys}
