"""Whether pictures show what a prompt says, and how often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.learned_tiny.scenes import SPEEDS
from training.quality.measuring import Seen
from training.quality.takes import Told

__all__ = ["judged", "rates"]

_HALFWAY = (SPEEDS["slow"] + SPEEDS["fast"]) / 2


def judged(told: Told, seen: Seen) -> dict[str, bool]:
    """What is as told; of the speed only what says one, and whether it is faster or slower."""
    right = {
        "colour": seen.colour == told.colour,
        "count": seen.count == told.count,
        "shape": seen.shape == told.shape,
    }
    if told.speed:
        right["faster or slower"] = (seen.speed > _HALFWAY) == (told.speed == "fast")
    return right


def rates(right: Sequence[dict[str, bool]]) -> dict[str, float]:
    """The share of what was judged that is right."""
    names = list(dict.fromkeys(name for each in right for name in each))
    return {
        name: round(float(np.mean([each[name] for each in right if name in each])), 3)
        for name in names
    }
