"""The stage that is put after LTX-2's ``decode_video``; imported when a preset is used."""

from __future__ import annotations

from attrs import field, frozen

import longtake as lt


@frozen(kw_only=True)
class UntitledOptions:
    """What a request may change, e.g. with ``--set untitled.size=16``."""

    size: int = field(default=8, validator=lt.between(1, 256))  # pixels
    brightness: int = field(default=255, validator=lt.between(0, 255))


def mark(frames: lt.Frames, options: UntitledOptions) -> lt.Frames:
    """The new frames, uint8 RGB ``[T, H, W, 3]``, each with the mark; what was given stays."""
    pixels = frames.pixels.copy()
    pixels[:, : options.size, : options.size] = options.brightness
    return lt.Frames(pixels)
