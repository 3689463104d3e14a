"""From seconds to segments: how many frames each of them has."""

from __future__ import annotations

from collections.abc import Callable

import longtake as lt
from longtake_serve.takes.limits import LimitExceeded

__all__ = ["segment_lengths"]

_STEP = 64
"""Frames between two lengths that a family makes, at most."""


def segment_lengths(
    wanted: int,
    *,
    longest: int,
    before: int,
    overlap: int,
    most: int,
    fit: Callable[[int], int],
) -> list[int]:
    """``num_frames`` of segments that add about ``wanted`` frames, shared evenly between as few.

    ``longest``: segment. ``before``: frames that the first of them repeats; the others repeat
    ``overlap``. ``most``: segments at once. ``fit``: gives the next length below that the family
    makes, as `longtake.Pipeline.num_frames_for` of a new take does. Raises
    `longtake.ValidationError` when a segment would add nothing, and `LimitExceeded`.
    """
    behind_first = wanted - (longest - before)
    if longest <= before or (behind_first > 0 and longest <= overlap):
        problem = f"is {longest}; a segment repeats {max(before, overlap)}, so it must be more"
        raise lt.ValidationError("sampling.num_frames", problem)
    each, count = longest - overlap, 1
    if behind_first > 0:
        count += -(-behind_first // each)
    if count > most:
        problem = f"make {count} segments; at most {most} are taken at once"
        raise LimitExceeded("requests", problem)
    lengths: list[int] = []
    left = wanted
    while len(lengths) < count and left > 0:
        behind = count - len(lengths) - 1
        share = max(-(-left // (behind + 1)), left - behind * each)
        repeated = overlap if lengths else before
        lengths.append(_nearest(min(longest, repeated + share), repeated, longest, fit))
        left -= lengths[-1] - repeated
    return lengths


def _nearest(num_frames: int, repeated: int, longest: int, fit: Callable[[int], int]) -> int:
    """The length that is nearest to ``num_frames``, and more than ``repeated``."""
    below = fit(num_frames)
    if below == num_frames:
        return below
    for above in range(num_frames + 1, min(longest, num_frames + _STEP) + 1):
        if fit(above) == above:
            is_nearer = above - num_frames <= num_frames - below
            return above if is_nearer or below <= repeated else below
    return below
