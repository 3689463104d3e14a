"""A clip that is painted over, as the published graphs of the In/Outpainting IC-LoRA have it.

Written down once more, plainly, for a pass at half the clip's size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ltx2.official_reference import FPS, Region

GREEN = np.array([0x66, 0xFF, 0x00])


def painted(region: Region, growth: int) -> Any:
    """uint8 ``[V, H / 2, W / 2, 3]``: the clip, and green where it is to be remade.

    ``growth``: of the mask, in pixels of the pass; padding does not grow.
    """
    share = np.stack([grown(halved(asked(region, frame)), growth) for frame in every(region)])
    if region.padding is not None:
        share = np.maximum(share, halved(region.padding))
    clip = np.stack([halved(each) for each in region.pixels])
    mixed = clip * (1 - share[..., None]) + GREEN * share[..., None]
    return np.rint(mixed).astype(np.uint8)


def every(region: Region) -> range:
    return range(len(region.pixels))


def asked(region: Region, frame: int) -> Any:
    """Where the mask has a frame remade, if its time is one that is."""
    there = region.places[frame].astype(float)
    start, end = frame / float(FPS), (frame + 1) / float(FPS)
    inside = region.window is None or (end > region.window[0] and start < region.window[1])
    return there if inside else 0 * there


def halved(picture: Any) -> Any:
    """The mean of each two by two."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    return picture.reshape(height, 2, width, 2, *picture.shape[2:]).mean((1, 3))


def grown(mask: Any, pixels: int) -> Any:
    """Each place has the most of what lies so near, in rows and in columns."""
    around = np.pad(mask, pixels)
    found = np.zeros_like(mask)
    for down in range(2 * pixels + 1):
        for right in range(2 * pixels + 1):
            part = around[down : down + mask.shape[0], right : right + mask.shape[1]]
            found = np.maximum(found, part)
    return found
