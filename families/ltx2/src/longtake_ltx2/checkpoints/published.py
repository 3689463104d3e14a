"""The published checkpoints of LTX-2 in diffusers layout: where they are, and how they are built.

``published_configs.json`` holds what each network's ``config.json`` says, as far as sizes depend on
it. Connectors and upsampler of 2.5 are as of 2.3. Networks whose published files have known sizes
come out within 1 % of them.

Names and patterns are those of the repositories' file lists. Sizes on disk are sums of the files of
2.0 and 2.5; of 2.3 they are computed, with text encoder and connectors in fp32. The licences are
those that ``LICENSE`` in Lightricks' repository of code gives to each generation.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import longtake as lt

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PUBLISHED", "published_configs", "write_configs"]

_CONFIGS = "published_configs.json"
_WRITE = "longtake_ltx2.checkpoints.published:write_configs"
_SMALL = ("*/*.json", "tokenizer/*")
_NETWORKS = ("transformer", "connectors", "vae", "audio_vae", "vocoder")
_TEXT_ENCODER = "text_encoder/model*.safetensors"
_WEIGHTS = tuple(f"{name}/*.safetensors" for name in _NETWORKS)

PUBLISHED = (
    lt.PublishedCheckpoint(
        name="ltx-2.0",
        aliases=("ltx-2",),
        repository="Lightricks/LTX-2",
        licence="LTX-2 Community License Agreement",
        disk_bytes=93_100_000_000,
        files=("model_index.json", *_SMALL, *_WEIGHTS, _TEXT_ENCODER, "latent_upsampler/*"),
        write_configs=_WRITE,
        description="LTX-2 of 19 B parameters, full; its text encoder is stored in fp32",
    ),
    lt.PublishedCheckpoint(
        name="ltx-2.3",
        repository="diffusers/LTX-2.3-Diffusers",
        licence="LTX-2 Community License Agreement",
        disk_bytes=101_300_000_000,
        files=("model_index.json", *_SMALL, *_WEIGHTS, _TEXT_ENCODER),
        write_configs=_WRITE,
        description="LTX-2.3, full; on disk as computed with text encoder and connectors in fp32; "
        "two stages need latent_upsampler/ of dg845/LTX-2.3-Spatial-Upsampler-Diffusers "
        "(about 1 GB)",
    ),
    lt.PublishedCheckpoint(
        name="ltx-2.5",
        repository="Lightricks/LTX-2.5-Diffusers",
        licence="LTX-2.x Community License Agreement, to be accepted on the hub first",
        disk_bytes=71_900_000_000,
        files=(
            "model_index.json",
            *_SMALL,
            "transformer/*-of-00004.safetensors",  # those that the index names
            "connectors/*-of-*.safetensors",
            *(f"{name}/*.safetensors" for name in _NETWORKS[2:]),
            _TEXT_ENCODER,
            "duration_head/*",
            "diffusion_decoder/*",
            "latent_upsampler/*",
        ),
        write_configs=_WRITE,
        description="LTX-2.5, distilled; the full transformer is transformer_full/ (38 GB more)",
    ),
)


def published_configs(generation: str) -> dict[str, dict[str, Any]]:
    """What ``config.json`` says of every network of a generation, by folder."""
    from importlib.resources import files  # late: listings need none of it

    text = files("longtake_ltx2.checkpoints").joinpath(_CONFIGS).read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)[generation]
    return found


def write_configs(checkpoint: lt.PublishedCheckpoint, folder: Path) -> Path:
    """A folder with the configurations of a published checkpoint, and nothing else."""
    for name, config in published_configs(checkpoint.name.removeprefix("ltx-")).items():
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
