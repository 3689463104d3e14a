"""Pictures blended by Laplacian pyramids: coarse structures over wide seams, fine ones over narrow.

As Burt and Adelson, "A multiresolution spline with application to image mosaics" (1983). With R(x)
half as large, E(x) twice as large and D = made - kept, the bands of D are D - E(R(D)) and so on,
the last one R(..R(D)). Each is multiplied by the mask, reduced as often, and their sum, enlarged
band by band, is added to what is kept. That is the same as blending the bands of both pictures,
and where the mask is 0 as far as its pyramid reaches, what is kept comes out to the bit.
"""

from __future__ import annotations

import torch

__all__ = ["blended", "halvings"]

_MOST_HALVINGS = 6
_SMALLEST_SIDE = 8
"""Pixels of the smallest picture of a pyramid."""


def blended(kept: torch.Tensor, made: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """``made`` where the mask is 1, ``kept`` where it is 0: fp32 ``[n, C, H, W]``.

    ``mask``: ``[1 or n, 1, H, W]``, from 0 to 1. Nothing is clipped.
    """
    difference, masks = made - kept, [mask]
    bands: list[torch.Tensor] = []
    for _ in range(halvings(*mask.shape[2:])):
        smaller = _reduced(difference)
        bands.append(difference - _enlarged(smaller, difference.shape[2:]))
        difference = smaller
        masks.append(_reduced(masks[-1]))
    total = difference * masks[-1]
    for band, share in zip(reversed(bands), reversed(masks[:-1]), strict=True):
        total = _enlarged(total, band.shape[2:]) + band * share
    return kept + total


def halvings(height: int, width: int) -> int:
    """How often pictures of this size are halved: 6 times, or until a side has fewer than 16."""
    count, side = 0, min(height, width)
    while count < _MOST_HALVINGS and (side + 1) // 2 >= _SMALLEST_SIDE:
        count, side = count + 1, (side + 1) // 2
    return count


def _reduced(picture: torch.Tensor) -> torch.Tensor:
    """Every other row and column of the picture, smoothed by 1 4 6 4 1; its edges go on."""
    for axis in (2, 3):
        length = 2 * ((picture.shape[axis] + 1) // 2) - 1
        padded = _extended(picture, axis, 2)
        taps = [_every_other(padded, axis, start, length) for start in range(5)]
        picture = (taps[0] + taps[4] + 4 * (taps[1] + taps[3]) + 6 * taps[2]) / 16
    return picture


def _enlarged(picture: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Twice as large or one less, smoothed alike: even places by 1 6 1, those between by 4 4."""
    for axis, wanted in ((2, size[0]), (3, size[1])):
        count = picture.shape[axis]
        padded = _extended(picture, axis, 1)
        before, own, behind = (padded.narrow(axis, start, count) for start in range(3))
        pairs = torch.stack([(before + 6 * own + behind) / 8, (own + behind) / 2], dim=axis + 1)
        picture = pairs.flatten(axis, axis + 1).narrow(axis, 0, wanted)
    return picture


def _extended(picture: torch.Tensor, axis: int, by: int) -> torch.Tensor:
    """The first and the last row or column once more, so many times."""
    first = picture.narrow(axis, 0, 1)
    last = picture.narrow(axis, picture.shape[axis] - 1, 1)
    return torch.cat([*[first] * by, picture, *[last] * by], dim=axis)


def _every_other(picture: torch.Tensor, axis: int, start: int, length: int) -> torch.Tensor:
    part = picture.narrow(axis, start, length)
    return part[:, :, ::2] if axis == 2 else part[:, :, :, ::2]
