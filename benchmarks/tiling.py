"""How much tiles change the picture: the video VAE's decoder with and without them.

The same normalised random latents decoded both ways, in fp32, on a random checkpoint of each
generation or on a real one. Relative error: of the largest difference to the largest value.

    python benchmarks/tiling.py [--model DIR] [--height 512] [--width 768] [--frames 9]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import torch

import longtake as lt
from longtake_ltx2.latents import decodable_video
from longtake_ltx2.loading.model import load
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.sizes import SPATIAL_FACTOR
from longtake_ltx2.tiny import Generation, write_tiny_checkpoint
from longtake_ltx2.values import TEMPORAL_FACTOR

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Told, lone

PART = Part("tiling", "What tiles change", "the same decoder without tiles")


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--frames", type=int, default=9)
    asked = parser.parse_args()
    size = (asked.frames, asked.height, asked.width)
    PART.tell(figures(asked.model, size), asked.json)


def figures(model: Path | None, size: tuple[int, int, int]) -> Iterator[Told]:
    """Two of each checkpoint."""
    frames, height, width = size
    yield f"{height}x{width}, {frames} frames, fp32: the error of tiles."
    with tempfile.TemporaryDirectory() as scratch:
        for name, path in checkpoints(model, Path(scratch)).items():
            largest, mean = tiling_error(path, size)
            yield lone(f"{name}, largest", "largest difference / largest value", largest, "times")
            yield lone(f"{name}, mean", "mean difference, of values from -1 to 1", mean, "levels")


def checkpoints(model: Path | None, scratch: Path) -> dict[str, Path]:
    if model is not None:
        return {str(model): model}
    generations: tuple[Generation, ...] = get_args(Generation)
    return {
        f"tiny {generation}": write_tiny_checkpoint(scratch / generation, generation=generation)
        for generation in generations
    }


@torch.no_grad()
def tiling_error(path: Path, size: tuple[int, int, int]) -> tuple[float, float]:
    """Of the largest difference to the largest value, and the mean difference (of 2)."""
    whole, tiled = (decoded(path, size, vae_tiling=tiling) for tiling in (False, True))
    difference = (whole - tiled).abs()
    return float(difference.max() / whole.abs().max()), float(difference.mean())


def decoded(path: Path, size: tuple[int, int, int], *, vae_tiling: bool) -> torch.Tensor:
    """``[1, 3, T, H, W]``, about -1 to 1."""
    options = LTX2T2VConfig(vae_precision="fp32", vae_tiling=vae_tiling)
    model = load(lt.ModelSource(path=path, options=options))
    vae: Any = model.components["vae"]
    frames, height, width = size
    shape = (1, vae.config.latent_channels, (frames - 1) // TEMPORAL_FACTOR + 1)
    grid = (height // SPATIAL_FACTOR, width // SPATIAL_FACTOR)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(*shape, *grid, generator=generator).to(model.device)
    timestep = latents.new_zeros(1) if vae.config.timestep_conditioning else None
    pixels: torch.Tensor = vae.decode(decodable_video(latents, vae), timestep, return_dict=False)[0]
    return pixels


if __name__ == "__main__":
    main()
