"""What the picture is expected to become, shown while it is denoised: one pixel a latent cell.

The mean colour of the pixels under a latent cell is nearly a linear function of the cell's channels
in a VAE that was trained on pictures, so a matrix and an offset are enough. They are fitted to the
VAE itself, by what it makes of pictures whose colours are known because they were drawn for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT
from longtake_ltx2.denoising.samplers import Evaluate, Point
from longtake_ltx2.denoising.steps import kept
from longtake_ltx2.latents import normalized_video, video_from_tokens
from longtake_ltx2.sizes import SPATIAL_FACTOR
from longtake_ltx2.values import Geometry, Stream

if TYPE_CHECKING:
    from longtake_ltx2.forward.protocol import Both

__all__ = ["ColorFit", "LatentColors", "drawn_clips", "mean_colors", "previewing"]

_EXAMPLES = 16
"""Cells for each number of the map that is to be found."""
_AT_ONCE = 16
_SIDE, _LATENT_FRAMES = 3, 2
"""Cells of a clip's sides, so that one in nine has no edge, and of its length."""
_GRAIN = 0.1
"""The grain's largest deviation: without it the map would not learn which channels to ignore."""
_DAMPING = 1e-3
"""Of the channels' mean variance: one that hardly varies in the clips gets no large weight."""


@frozen(eq=False)
class ColorFit:
    """The map of one VAE: ``colors = cell @ weights + bias``, all fp32, colours in [-1, 1].

    ``weights``: ``[C, 3]``; ``bias``: ``[3]``. ``residual``: the root mean square of what it is
    wrong by on the clips that it was fitted to; ``deviation``: that of their colours from the mean.
    """

    weights: torch.Tensor = field(repr=False)
    bias: torch.Tensor = field(repr=False)
    residual: float
    deviation: float


class LatentColors:
    """From normalised latents to the mean colours under them, by a map that is fitted once.

    ``vae``: gives the network whose latents they are. It is asked for, and encodes, when the first
    preview is wanted, and never again.
    """

    def __init__(self, vae: Callable[[], Any]) -> None:
        self._vae = vae
        self._fit: ColorFit | None = None

    def fit(self, device: torch.device | str) -> ColorFit:
        """The map; ``device``: where the VAE encodes, if it still has to."""
        if self._fit is None:
            self._fit = self._fitted(device)
        return self._fit

    def _fitted(self, device: torch.device | str) -> ColorFit:
        """By damped least squares, in fp64."""
        cells, colors = _encoded(self._vae(), device)
        cell_mean, color_mean = cells.mean(0), colors.mean(0)
        centred, wanted = cells - cell_mean, colors - color_mean
        gram = centred.T @ centred
        damping = (_DAMPING * gram.diagonal().mean()).clamp(min=torch.finfo(gram.dtype).tiny)
        weights = torch.linalg.solve(
            gram + damping * torch.eye(len(gram), dtype=gram.dtype), centred.T @ wanted
        )
        wrong = centred @ weights - wanted
        return ColorFit(
            weights.float(),
            (color_mean - cell_mean @ weights).float(),
            residual=float(wrong.square().mean().sqrt()),
            deviation=float(wanted.square().mean().sqrt()),
        )

    def __call__(self, latents: torch.Tensor) -> NDArray[np.uint8]:
        """``[1, C, F, H, W]`` as uint8 ``[F, H, W, 3]``; clean ones, normalised, on any device."""
        fit = self.fit(latents.device)
        cells = latents[0].float().permute(1, 2, 3, 0)
        colors = cells @ fit.weights.to(cells) + fit.bias.to(cells)
        pixels = ((colors / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        array: NDArray[np.uint8] = pixels.cpu().numpy()
        return array


def previewing(
    evaluate: Evaluate,
    colors: LatentColors,
    stream: Stream,
    geometry: Geometry,
    run: lt.Run,
    *,
    every: int,
    total: int,
) -> Evaluate:
    """``evaluate``, whose every so many-th clean picture is told, the conditioning laid over it.

    ``total``: how many evaluations there will be.
    """
    grid = (geometry.latent_frames, geometry.latent_height, geometry.latent_width)
    count = 0

    def evaluated(point: Point) -> Both:
        nonlocal count
        count += 1
        both = evaluate(point)
        if count % every == 0:
            own = kept(both[0], stream)[:, : geometry.video_tokens]
            pixels = colors(video_from_tokens(own, *grid))
            run.emit(lt.Preview(run.stage, count, total, pixels))
        return both

    return evaluated


def drawn_clips(count: int, *, seed: int) -> torch.Tensor:
    """``[count, 3, T, H, W]`` in [-1, 1], fp32: soft colours that flow, with more or less grain."""
    generator = torch.Generator().manual_seed(seed)
    frames = 1 + (_LATENT_FRAMES - 1) * FRAMES_PER_LATENT
    size = (frames, _SIDE * SPATIAL_FACTOR, _SIDE * SPATIAL_FACTOR)
    corners = torch.rand((count, 3, 2, 3, 3), generator=generator) * 2 - 1
    clips = torch.nn.functional.interpolate(
        corners, size=size, mode="trilinear", align_corners=True
    )
    grain = torch.rand((count, 1, 1, 1, 1), generator=generator) * _GRAIN
    return clips.add_(torch.randn(clips.shape, generator=generator) * grain).clamp_(-1, 1)


def mean_colors(clips: torch.Tensor) -> torch.Tensor:
    """``[N, 3, T, H, W]`` to ``[N, 3, F, H/32, W/32]``: the mean under each latent cell.

    Under the first latent frame is one frame, under every other one are 8.
    """
    small = torch.nn.functional.avg_pool3d(clips, (1, SPATIAL_FACTOR, SPATIAL_FACTOR))
    later = torch.nn.functional.avg_pool3d(small[:, :, 1:], (FRAMES_PER_LATENT, 1, 1))
    return torch.cat([small[:, :, :1], later], dim=2)


@torch.no_grad()
def _encoded(vae: Any, device: torch.device | str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised cells ``[N, C]`` of what the VAE makes of the clips, and their colours ``[N, 3]``.

    A few clips are there at a time.
    """
    numbers = 1 + vae.config.latent_channels
    count = math.ceil(_EXAMPLES * numbers / (_LATENT_FRAMES * _SIDE**2))
    cells, colors = [], []
    for first in range(0, count, _AT_ONCE):
        clips = drawn_clips(min(_AT_ONCE, count - first), seed=first)
        latents = vae.encode(clips.to(device, vae.dtype)).latent_dist.mode()
        cells.append(_rows(normalized_video(latents, vae).cpu()))
        colors.append(_rows(mean_colors(clips)))
    return torch.cat(cells), torch.cat(colors)


def _rows(grid: torch.Tensor) -> torch.Tensor:
    """``[N, C, F, H, W]`` as ``[N * F * H * W, C]``, fp64."""
    return grid.movedim(1, -1).flatten(0, -2).double()
