"""A clip that is painted over where it is to be remade, and followed as a reference is.

As the published graphs of the In/Outpainting IC-LoRA: the mask is brought to the size of the pass
and grows, and the clip's pixels p become ``(1 - m) p + m c`` with m the mask and c #66FF00.
Padding is painted as it is. No mask reaches the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.conditioning.encoding import fitted
from longtake_ltx2.conditioning.places import padding_of
from longtake_ltx2.conditioning.references import RequestedReference
from longtake_ltx2.values import Geometry

__all__ = ["PAINT", "PaintedSource", "decided_shares", "requested_painting"]

PAINT = (0x66, 0xFF, 0x00)
"""Red, green and blue, as the LoRA was trained with it."""

_NEARLY = 16
"""What is as near to black or white as this is meant to be: coders of video leave noise."""
_AT_ONCE = 8
"""Frames that are there as floats at the same time."""
_CELLS = 64
"""Of the longer side, in which the margin around what was painted is counted."""
_AROUND_MASK, _AT_PADDING = 6 / _CELLS, 2 / _CELLS


@frozen(eq=False)
class PaintedSource:
    """A clip as long as the segment, and how much of it is remade in each place.

    - ``pixels``: uint8 ``[V, H, W, 3]``, the first of them at the segment's first frame.
    - ``shares``: uint8 ``[1 or V, H, W]``, 0 keeps and 255 remakes; those of a mask, at its times.
    - ``padding``: bool ``[1, H, W]``, where there is no clip; None where there is all of it.
    - ``strength``: 1 gives the clip as it is, below that there is noise over it.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    shares: NDArray[np.uint8] = field(repr=False)
    padding: NDArray[np.bool_] | None = field(repr=False)
    strength: float

    def reference(
        self, geometry: Geometry, growth: int, device: torch.device | str
    ) -> RequestedReference:
        """The clip in the pass of this size, painted over; the mask grows by ``growth`` pixels."""
        size = geometry.height, geometry.width
        painted = np.empty((len(self.pixels), *size, 3), np.uint8)
        color = torch.tensor(PAINT, dtype=torch.float32, device=device).view(1, 3, 1, 1)
        for some in self.parts():
            pixels = self._clip(some, *size, device)
            share = self._grown(some, *size, growth, device)
            mixed = ((1 - share) * pixels + share * color).round_()
            painted[some] = mixed.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        return RequestedReference(painted, self.strength, 1.0)

    def parts(self) -> Iterator[slice]:
        """A few frames each."""
        for first in range(0, len(self.pixels), _AT_ONCE):
            yield slice(first, min(first + _AT_ONCE, len(self.pixels)))

    def shown(
        self, some: slice, height: int, width: int, device: torch.device | str
    ) -> torch.Tensor:
        """The clip's own frames at a size: whole numbers, fp32 ``[n, 3, height, width]``."""
        return self._clip(some, height, width, device).round()

    def remade(
        self,
        some: slice,
        height: int,
        width: int,
        *,
        growth: int,
        margin: float | None,
        device: torch.device | str,
    ) -> torch.Tensor:
        """How much of what was made is shown, fp32 ``[1 or n, 1, height, width]`` from 0 to 1.

        ``growth``: as in `reference`, at this size. ``margin``: as `LTX2BlendOptions` has it.
        """
        mask = _grown_by(self._mask(some, height, width, device), growth)
        mask = _widened(mask, _AROUND_MASK if margin is None else margin)
        padding = self._padded(height, width, device)
        if padding is None:
            return mask
        return mask.maximum(_widened(padding, _AT_PADDING if margin is None else margin))

    def _clip(
        self, some: slice, height: int, width: int, device: torch.device | str
    ) -> torch.Tensor:
        pixels = torch.tensor(self.pixels[some]).to(device).permute(0, 3, 1, 2).float()
        return fitted(pixels, height, width)

    def _mask(
        self, some: slice, height: int, width: int, device: torch.device | str
    ) -> torch.Tensor:
        given = self.shares if len(self.shares) == 1 else self.shares[some]
        mask = torch.tensor(given).to(device).unsqueeze(1).float() / 255
        return fitted(mask, height, width, mode="area")

    def _padded(self, height: int, width: int, device: torch.device | str) -> torch.Tensor | None:
        if self.padding is None:
            return None
        padding = torch.tensor(self.padding).to(device).unsqueeze(1).float()
        return fitted(padding, height, width, mode="area")

    def _grown(
        self, some: slice, height: int, width: int, growth: int, device: torch.device | str
    ) -> torch.Tensor:
        mask = _grown_by(self._mask(some, height, width, device), growth)
        padding = self._padded(height, width, device)
        return mask if padding is None else mask.maximum(padding)


def requested_painting(job: lt.Job, inputs: lt.DecodedInputs) -> PaintedSource | None:
    """The clip that the segment of ``job`` is made of, if there is one."""
    source = job.inputs.source
    if source is None:
        return None
    pixels = inputs.source_frames()
    shares = _at_its_times(source, inputs.source_shares(), pixels.shape[:3], job.sampling.fps)
    padding = padding_of(source, *pixels.shape[1:3])
    return PaintedSource(pixels, shares, padding, source.strength)


def _at_its_times(
    source: lt.SourceInput,
    mask: NDArray[np.uint8] | None,
    shape: tuple[int, ...],
    fps: Fraction,
) -> NDArray[np.uint8]:
    """All of a frame is remade where a time is said and no mask; without both, nothing of it is."""
    if not source.remake_video or (mask is None and not source.remakes):
        return np.zeros((1, *shape[1:]), np.uint8)
    shares = np.full((1, *shape[1:]), 255, np.uint8) if mask is None else decided_shares(mask)
    if not source.remakes:
        return shares
    frames, _, _ = shape
    start, end = source.remake_from or 0.0, source.remake_to
    times = np.arange(frames) / float(fps)
    within = (times + 1 / float(fps) > start) & (times < (math.inf if end is None else end))
    return np.where(within[:, None, None], shares, np.uint8(0))


def decided_shares(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """0 and 255 where a mask is nearly that."""
    decided = mask.copy()
    decided[mask <= _NEARLY] = 0
    decided[mask >= 255 - _NEARLY] = 255
    return decided


def _grown_by(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """Each place has the most that there is in so many pixels around it, rows and columns."""
    for side, around in (((2 * pixels + 1, 1), (pixels, 0)), ((1, 2 * pixels + 1), (0, pixels))):
        mask = torch.nn.functional.max_pool2d(mask, side, stride=1, padding=around)
    return mask


def _widened(mask: torch.Tensor, margin: float) -> torch.Tensor:
    """Grown by a share of the longer side, in coarse cells; its edges are as soft as those."""
    rows, columns = mask.shape[2:]
    cell, reach = max(1.0, max(rows, columns) / _CELLS), round(_CELLS * margin)
    if not reach:
        return mask
    coarse = (math.ceil(rows / cell), math.ceil(columns / cell))
    grown = _grown_by(torch.nn.functional.adaptive_max_pool2d(mask, coarse), reach)
    soft = torch.nn.functional.interpolate(
        grown, size=(rows, columns), mode="bilinear", align_corners=False
    )
    return mask.maximum(soft)
