"""What travels between LTX-2's stages: small frozen values with documented shapes.

B is always 1; F, H, W are latent frames, height and width; L audio latents; C channels.
"""

from __future__ import annotations

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray

from longtake_ltx2.clock import SegmentClock
from longtake_ltx2.sizes import SPATIAL_FACTOR

__all__ = [
    "CleanLatents",
    "FirstSound",
    "Geometry",
    "KeyframeLatents",
    "NoiseState",
    "NoisyLatents",
    "PromptContext",
    "RefineTarget",
    "Stream",
    "TextContext",
    "TrailingFrames",
]

TEMPORAL_FACTOR = 8


@frozen
class Geometry:
    """The size of a segment, and its place on the take's clock.

    - ``height``, ``width``: pixels, multiples of 32.
    - ``clock``: which frames and audio latents of the take the segment has, at how many a second.
    """

    height: int
    width: int
    clock: SegmentClock

    @property
    def latent_frames(self) -> int:
        """Latent frames ``F``: one for the first frame, then one for every 8."""
        return (self.clock.num_frames - 1) // TEMPORAL_FACTOR + 1

    @property
    def latent_height(self) -> int:
        """``H``: one row for every 32 pixels."""
        return self.height // SPATIAL_FACTOR

    @property
    def latent_width(self) -> int:
        """``W``: one column for every 32 pixels."""
        return self.width // SPATIAL_FACTOR

    @property
    def video_tokens(self) -> int:
        """How many tokens the picture has: ``F * H * W``."""
        return self.latent_frames * self.latent_height * self.latent_width


@frozen
class RefineTarget:
    """The size that the second pass brings the segment to; the first one is at half of it."""

    geometry: Geometry


@frozen(eq=False)
class PromptContext:
    """Connector outputs of one prompt, in the dtype of the connectors, on their device.

    ``video``, ``audio``: ``[1, S, D]`` for S text tokens; D is the width of that stream.
    """

    video: torch.Tensor = field(repr=False)
    audio: torch.Tensor = field(repr=False)


@frozen(eq=False)
class TextContext:
    """The prompt and, when the guidance needs it, the negative prompt."""

    positive: PromptContext
    negative: PromptContext | None = None

    def of_what_is_made(self, *, video: bool, audio: bool) -> TextContext:
        """The negative prompt of a stream that is not made is its positive one.

        As in ltx-pipelines ``a2vid_two_stage``.
        """
        if self.negative is None or (video and audio):
            return self
        negative = PromptContext(
            video=(self.negative if video else self.positive).video,
            audio=(self.negative if audio else self.positive).audio,
        )
        return TextContext(self.positive, negative)


@frozen(eq=False)
class Stream:
    """One modality in token order, fp32: what is denoised, and what it is conditioned on.

    - ``latents``: ``[1, T, C]``, noise where the mask is 1.
    - ``clean``: ``[1, T, C]``, the conditioning, zeros elsewhere.
    - ``denoise_mask``: ``[1, T, 1]``, 0 keeps the clean token, 1 ignores it.
    - ``coordinates``: ``[1, axes, T, 2]``, RoPE bounds: seconds, then pixels.
    - ``attention``: ``[T, T]``, how well the token of a row sees that of a column, from 0 to 1, in
      the stream's attention to itself; None where all see all.
    - ``slots``: the tokens from the first to below the second are pictures that are made beside the
      segment, each of a single frame; none where both are equal.
    - ``is_unconditioned``: whether the mask is 1 everywhere.
    - ``is_frozen``: whether it is 0 everywhere, so that nothing of the stream is made: the networks
      are told then that its noise level is 0 (ltx-pipelines ``modality_from_latent_state``).
    """

    latents: torch.Tensor = field(repr=False)
    clean: torch.Tensor = field(repr=False)
    denoise_mask: torch.Tensor = field(repr=False)
    coordinates: torch.Tensor = field(repr=False)
    attention: torch.Tensor | None = field(default=None, repr=False)
    slots: tuple[int, int] = (0, 0)
    is_unconditioned: bool = field(init=False)
    is_frozen: bool = field(init=False)

    @is_unconditioned.default
    def _all_noise(self) -> bool:
        return bool((self.denoise_mask == 1).all())

    @is_frozen.default
    def _all_given(self) -> bool:
        return self.denoise_mask.numel() > 0 and bool((self.denoise_mask == 0).all())

    def first(self, count: int) -> Stream:
        """Its first tokens alone, of a stream in which all see all."""
        return Stream(
            self.latents[:, :count],
            self.clean[:, :count],
            self.denoise_mask[:, :count],
            self.coordinates[:, :, :count],
        )


@frozen(eq=False)
class KeyframeLatents:
    """Pictures that were made beside a segment: ``latents`` ``[1, C, K, H, W]``, normalised, fp32.

    ``frames``: of the segment, at which each of the K stands.
    """

    latents: torch.Tensor = field(repr=False)
    frames: tuple[int, ...]


@frozen(eq=False)
class NoisyLatents:
    """Both streams before the denoising loop.

    ``video`` tokens are frame by frame, row by row; tokens beyond the segment's grid are what it
    is conditioned on elsewhere, and are dropped after the loop. ``audio`` tokens are one for each
    audio latent. A stream that is not wanted has no tokens. ``mel_bins``: of each audio latent.
    ``slot_frames``: where the pictures stand that are made beside the segment. ``keyframes``: those
    that an earlier pass made.
    """

    video: Stream
    audio: Stream
    mel_bins: int
    slot_frames: tuple[int, ...] = ()
    keyframes: KeyframeLatents | None = None


@frozen(eq=False)
class NoiseState:
    """Where the request's random generator stands, for noise that a later stage draws.

    ``state``: uint8, of a ``torch.Generator`` on the CPU.
    """

    state: torch.Tensor = field(repr=False)


@frozen(eq=False)
class FirstSound:
    """What the first of two passes made of the sound; ``audio``: as in `CleanLatents`."""

    audio: torch.Tensor = field(repr=False)


@frozen(eq=False)
class CleanLatents:
    """Denoised latents in normalised model space, fp32, about zero mean and unit variance.

    ``video``: ``[1, C, F, H, W]``. ``audio``: ``[1, C, L, mel]``. F or L is 0 for a stream that is
    not wanted. ``keyframes``: pictures that were made beside it, if any were asked for.
    """

    video: torch.Tensor = field(repr=False)
    audio: torch.Tensor = field(repr=False)
    keyframes: KeyframeLatents | None = None


@frozen(eq=False)
class TrailingFrames:
    """The last frames of the segment, which the next one repeats: uint8 ``[V, H, W, 3]``."""

    pixels: NDArray[np.uint8] = field(repr=False)
