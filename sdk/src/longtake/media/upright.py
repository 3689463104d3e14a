"""A decoded picture as its file wants it seen: in RGB, turned upright."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

__all__ = ["to_upright_rgb"]

_ACCURATE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def to_upright_rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    """uint8 RGB ``[H, W, 3]``, turned by quarters as the file says (mirroring is not told apart).

    Colours are those that the file names; BT.601, FFmpeg's default, where it names none.
    Transparency is dropped.
    """
    rgb = frame.reformat(format="rgb24", interpolation=_ACCURATE)
    pixels = rgb.to_ndarray().astype(np.uint8, copy=False)
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))
