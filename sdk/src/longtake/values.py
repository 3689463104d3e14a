"""The values that every family ends with: a picture and a sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Frames", "Waveform"]


@frozen(eq=False)
class Frames:
    """The new frames of a segment: ``pixels`` is uint8 RGB ``[T, H, W, 3]``."""

    pixels: NDArray[np.uint8] = field(repr=False)


@frozen(eq=False)
class Waveform:
    """The new sound of a segment: ``samples`` is float32 ``[channels, samples]`` in [-1, 1].

    ``sample_rate`` is in Hz.
    """

    samples: NDArray[np.float32] = field(repr=False)
    sample_rate: int
