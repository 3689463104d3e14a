"""A stage behind LTX-2's decoder, what it is loaded with, and what a request may change."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

import longtake as lt

SIDE = 16  # pixels


@frozen(kw_only=True)
class LoadOptions:
    """What ``longtake.load`` and the command line take: ``--watermark-file mark.npy``."""

    watermark_file: str | None = field(
        default=None, metadata={"help": "A .npy with the mark: grey levels, [height, width]."}
    )


def load_watermark(source: lt.ModelSource) -> NDArray[np.uint8]:
    """Grey levels ``[height, width]``, once for a pipeline; a checked pattern by default."""
    options: LoadOptions = source.options
    if options.watermark_file is None:
        return np.array(np.indices((SIDE, SIDE)).sum(0) // 4 % 2 * 255, np.uint8)
    try:
        mark: NDArray[np.uint8] = np.load(options.watermark_file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise lt.ValidationError("watermark_file", f"cannot be read: {error}") from error
    if mark.ndim != 2 or mark.dtype != np.uint8:
        problem = f"has {mark.dtype} of shape {mark.shape}; must be uint8 [height, width]"
        raise lt.ValidationError("watermark_file", problem)
    return mark


@frozen(kw_only=True)
class WatermarkOptions:
    """What a request may change: ``--set watermark.opacity=0.5``."""

    opacity: float = field(default=1.0, validator=lt.between(0, 1))


class Watermark:
    """Mixes the mark into the upper left corner of every new frame."""

    def __init__(self, watermark: NDArray[np.uint8]) -> None:
        self._mark = watermark

    def __call__(self, frames: lt.Frames, options: WatermarkOptions, run: lt.Run) -> lt.Frames:
        pixels = frames.pixels.copy()  # uint8 RGB [T, H, W, 3]
        height, width = (
            min(a, b) for a, b in zip(self._mark.shape, pixels.shape[1:3], strict=True)
        )
        mark = self._mark[:height, :width, None].astype(np.float32)
        for index in run.steps(len(pixels)):  # tells the progress, stops when cancelled
            corner = pixels[index, :height, :width]
            corner[:] = np.round(options.opacity * mark + (1 - options.opacity) * corner)
        return lt.Frames(pixels)
