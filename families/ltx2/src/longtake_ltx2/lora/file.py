"""A file with LoRA weights, in diffusers' key format or Lightricks' own."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

import longtake as lt

if TYPE_CHECKING:
    import torch

__all__ = ["LoRAFile", "lora_file"]

_PARTS = ("transformer", "connectors")
_MATRIX = re.compile(r"(?P<layer>.+)\.(?P<matrix>lora_A|lora_B)\.weight")
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80")
_SETTINGS = "lora_adapter_metadata"
"""Where diffusers and peft keep rank and alpha, as JSON."""

_CONNECTORS = (
    "diffusion_model.video_embeddings_connector.",
    "diffusion_model.audio_embeddings_connector.",
)
"""Lightricks' names; diffusers leaves these with the transformer, which does not have them."""


@frozen
class LoRAFile:
    """Where a LoRA is, and the keys it has for each network.

    ``parts``: for ``"transformer"`` and ``"connectors"``, those of the two that it changes, the
    names in diffusers' format (``"transformer.<layer>.lora_A.weight"``) and those in the file.
    """

    path: Path
    parts: Mapping[str, Mapping[str, str]] = field(repr=False)
    metadata: Mapping[str, Any] | None = field(repr=False)

    def weights(self, part: str) -> dict[str, torch.Tensor]:
        """Tensors by diffusers' names: ``lora_A`` ``[rank, in]``, ``lora_B`` ``[out, rank]``.

        Copies, because tensors mapped from a file are not aligned: other bits come of such.
        """
        from safetensors import safe_open

        with safe_open(self.path, framework="pt") as file:
            return {new: file.get_tensor(old).clone() for new, old in self.parts[part].items()}

    def settings(self, part: str) -> dict[str, Any] | None:
        """The settings that the file carries for this network, or None: alpha is the rank."""
        if self.metadata is None:
            return None
        of_part = {k: v for k, v in self.metadata.items() if k.startswith(f"{part}.")}
        return of_part or None


def lora_file(path: Path) -> LoRAFile:
    """What a LoRA file says about itself; its weights are not read.

    ``path``: a .safetensors file, or a folder with just one. Raises `longtake.CheckpointError`
    when it is damaged, pickled, or has anything in it but pairs of LoRA matrices for LTX-2.
    """
    if path.is_dir():
        path = _only_file(path)
    shapes, metadata = _header(path)
    names = _diffusers_names(path, tuple(shapes))
    _check_pairs(path, {new: shapes[old] for new, old in names.items()})
    parts: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for new, old in sorted(names.items()):
        parts[new.partition(".")[0]][new] = old
    return LoRAFile(path, dict(parts), _settings(path, metadata))


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
            keys = tensors.keys()
            shapes = {key: tuple(tensors.get_slice(key).get_shape()) for key in keys}
            return shapes, tensors.metadata() or {}
    except FileNotFoundError:
        raise lt.CheckpointError(str(path), "missing; there is no such LoRA file") from None
    except (OSError, SafetensorError) as error:
        raise lt.CheckpointError(str(path), _what_it_is(path) or f"is damaged ({error})") from error


def _what_it_is(path: Path) -> str | None:
    """More than that it is no .safetensors file."""
    with suppress(OSError), path.open("rb") as file:
        if file.read(4).startswith(_PICKLE_STARTS):
            return "is a pickled file, which can run code; only .safetensors is read"
    return None


def _diffusers_names(path: Path, keys: tuple[str, ...]) -> dict[str, str]:
    """Names in the file by those of diffusers. Every key has one, or the file is refused."""
    from diffusers.loaders.lora_pipeline import LTX2LoraLoaderMixin

    for key in keys:
        if not _MATRIX.fullmatch(key):
            raise lt.CheckpointError(
                str(path), f"has {key!r}, which is no lora_A or lora_B weight that could be used"
            )
    connectors = {_connector_name(key): key for key in keys if key.startswith(_CONNECTORS)}
    others = {key: key for key in keys if not key.startswith(_CONNECTORS)}
    # diffusers only renames, so the file's own names can stand in for the tensors.
    converted: dict[str, str] = LTX2LoraLoaderMixin.lora_state_dict(others) | connectors
    for key, original in converted.items():
        if not key.startswith(tuple(f"{part}." for part in _PARTS)):
            raise lt.CheckpointError(
                str(path), f"has {original!r}, which belongs to no network of LTX-2"
            )
    if lost := sorted(set(keys) - set(converted.values())):
        raise lt.CheckpointError(
            str(path), f"mixes key formats: {lost[0]!r} belongs to no network of LTX-2"
        )
    if not converted:
        raise lt.CheckpointError(str(path), "has no weights")
    return converted


def _connector_name(key: str) -> str:
    """``diffusion_model.video_embeddings_connector.…`` is ``connectors.video_connector.…``."""
    name = key.removeprefix("diffusion_model.").replace("_embeddings_connector.", "_connector.", 1)
    return "connectors." + name.replace("transformer_1d_blocks.", "transformer_blocks.", 1)


def _check_pairs(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a matrix without its partner, or of another rank than it has."""
    for key, shape in shapes.items():
        match = _MATRIX.fullmatch(key)
        assert match is not None  # checked where keys are converted
        is_down = match["matrix"] == "lora_A"
        partner = f"{match['layer']}.{'lora_B' if is_down else 'lora_A'}.weight"
        if partner not in shapes:
            raise lt.CheckpointError(str(path), f"has {key!r} without {partner!r}")
        if len(shape) != 2 or len(shapes[partner]) != 2:
            raise lt.CheckpointError(str(path), f"{key!r} is {list(shape)}; must be a matrix")
        if is_down and shape[0] != shapes[partner][1]:
            raise lt.CheckpointError(
                str(path), f"{key!r} is of rank {shape[0]}, its partner of {shapes[partner][1]}"
            )


def _settings(path: Path, metadata: Mapping[str, str]) -> dict[str, Any] | None:
    if _SETTINGS not in metadata:
        return None
    try:
        settings = json.loads(metadata[_SETTINGS])
    except (ValueError, RecursionError) as error:
        raise lt.CheckpointError(str(path), f"has unreadable {_SETTINGS}: {error}") from error
    if not isinstance(settings, dict):
        raise lt.CheckpointError(str(path), f"has {_SETTINGS} that is not a JSON object")
    return settings
