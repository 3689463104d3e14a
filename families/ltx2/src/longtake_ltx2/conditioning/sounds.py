"""Sound on a segment's own time axis, and which of the segment's audio latents it is."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from longtake_ltx2.clock import LATENTS_PER_SECOND, SegmentClock
from longtake_ltx2.conditioning.encoding import SOUND_RATE

__all__ = ["RequestedSound", "kept_runs", "placed_sound"]


@frozen(eq=False)
class RequestedSound:
    """A clip on the segment's own time axis, which starts with its first audio latent.

    - ``samples``: stereo ``[2, n]`` at 16 kHz, silent where the clip is not; what goes beyond the
      segment's end is not used.
    - ``start``, ``stop``: the segment's audio latents that lie within the clip as a whole.
    - ``strength``: 1 keeps them, 0 ignores them.
    - ``remade``: those from the first to below the second are made anew all the same.
    """

    samples: NDArray[np.float32]
    start: int
    stop: int
    strength: float
    remade: tuple[int, int] = (0, 0)

    def runs(self) -> Iterator[tuple[int, int]]:
        """The latents ``[start, stop)`` that are kept, piece by piece."""
        return kept_runs(self.start, self.stop, self.remade)


def kept_runs(start: int, stop: int, remade: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """``[start, stop)`` without what is remade: at most two pieces."""
    first, end = remade
    for piece in ((start, min(stop, first)), (max(start, end), stop)):
        if piece[0] < piece[1]:
            yield piece


def placed_sound(
    clip: NDArray[np.float32], begin: float, segment: SegmentClock, strength: float
) -> RequestedSound:
    """``clip``, float32 ``[2, n]`` at 16 kHz, ``begin`` seconds behind the first latent."""
    start, stop = _latents_within(begin, begin + clip.shape[1] / SOUND_RATE)
    length = segment.num_latents * SOUND_RATE // LATENTS_PER_SECOND
    axis = np.zeros((len(clip), max(length, SOUND_RATE // 10)), np.float32)
    first = round(begin * SOUND_RATE)
    used = clip[:, : max(0, axis.shape[1] - first)]
    axis[:, first : first + used.shape[1]] = used
    return RequestedSound(axis, start, min(stop, segment.num_latents), strength)


def _latents_within(begin: float, end: float) -> tuple[int, int]:
    """Latents ``[start, stop)`` of those whole in ``begin`` to ``end`` seconds.

    Latent l lasts from ``4 l - 3`` to ``4 l + 1`` hundredths; the very first starts at 0.
    """
    start = 0 if begin <= 0 else ceil((100 * begin + 3) / 4 - 1e-6)
    return start, floor((100 * end + 3) / 4 + 1e-6)
