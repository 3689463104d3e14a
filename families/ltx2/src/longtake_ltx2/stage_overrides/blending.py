"""What a request may say of painting over a clip, and of blending what was made into it."""

from __future__ import annotations

from attrs import field, frozen

import longtake as lt

__all__ = ["LTX2BlendOptions"]

_GROWTH = 30
"""Pixels; Lightricks' graph has 15 at half the size."""


@frozen(kw_only=True)
class LTX2BlendOptions:
    """How a clip is painted over, and what is made in its place is blended into it: ``blend``.

    A recipe that has these options paints the clip that a segment is made of.

    - ``mask_growth``: pixels by which the mask grows before its places are painted, at the
      segment's size; a pass at half of it has half of them.
    - ``margin``: how much further what is made is shown before it fades into the clip, as a share
      of the picture's longer side. None is 6/64 around a mask and 2/64 at padding.
    """

    mask_growth: int = field(
        default=_GROWTH,
        validator=lt.between(0, 512),
        metadata={"help": "Pixels by which the mask grows before its places are painted."},
    )
    margin: float | None = field(
        default=None,
        validator=lt.between(0.0, 0.5),
        metadata={
            "help": "How much further what is made is shown, as a share of the longer side; null "
            "is 6/64 around a mask and 2/64 at padding."
        },
    )
