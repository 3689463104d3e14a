"""What a segment is conditioned on: frames and audio latents at their places, with strengths.

The trailing frames of a state, a still image and a clip are all the same here: frames from some
frame of the segment on. So are the audio latents that a state carries and those of a sound clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray

from longtake_ltx2.clock import FRAMES_PER_LATENT
from longtake_ltx2.conditioning.coordinates import keyframe_coordinates
from longtake_ltx2.continuation import EncodedPrefix
from longtake_ltx2.latents import video_to_tokens
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.values import Geometry, Stream

__all__ = [
    "ConditioningFrames",
    "ConditioningTokens",
    "appended_tokens",
    "conditioned_stream",
    "placed_video",
]


@frozen(eq=False)
class ConditioningFrames:
    """Frames that the segment is to have.

    - ``pixels``: uint8 ``[V, H, W, 3]``, V = 8k + 1, of any size; None where only ``prefix`` is.
    - ``first_frame``: where in the segment the first of them stands.
    - ``strength``: 1 keeps them, 0 ignores them.
    - ``recompress``: whether they go through H.264 before, as still images do that are not our own
      VAE's.
    - ``prefix``: what they encode to, as a state says it.
    - ``continues``: whether they are the segment before, which always takes the place of tokens.
    """

    pixels: NDArray[np.uint8] | None = field(repr=False)
    first_frame: int
    strength: float
    recompress: bool = False
    prefix: EncodedPrefix | None = None
    continues: bool = False

    @property
    def num_frames(self) -> int:
        """V."""
        if self.pixels is not None:
            return len(self.pixels)
        return 0 if self.prefix is None else self.prefix.num_frames


@frozen(eq=False)
class ConditioningTokens:
    """Clean tokens ``[1, N, C]`` and how much of the noise is left on them.

    ``start``: the token of the segment that the first one replaces; None for tokens that are
    appended, whose bounds ``[1, axes, N, 2]`` are ``coordinates``. ``mask``: 0 keeps the tokens,
    1 ignores them. ``attention``: ``[N]``, how well the segment's tokens and each of these, if they
    are appended, see each other; None where nothing weakens it. ``is_slots``: whether they are
    pictures that are to be made.
    """

    tokens: torch.Tensor = field(repr=False)
    mask: float
    start: int | None = 0
    coordinates: torch.Tensor | None = field(default=None, repr=False)
    attention: torch.Tensor | None = field(default=None, repr=False)
    is_slots: bool = False


def placed_video(
    frames: ConditioningFrames,
    latents: torch.Tensor,
    geometry: Geometry,
    numerics: Numerics,
    *,
    append_first: bool = False,
    offset: float | None = None,
) -> ConditioningTokens:
    """Where the encoded ``latents`` ``[1, C, F, H, W]`` of ``frames`` go.

    At the start of the segment they replace its tokens; elsewhere, and with ``append_first`` there
    too, they are appended, with coordinates of their own. ltx-core counts pixel frames; diffusers
    counts latent frames, of which a pixel frame belongs to one.
    """
    tokens = video_to_tokens(latents)
    first = frames.first_frame
    if not numerics.conditions_at_pixel_frames:
        latent_frame = -(-first // FRAMES_PER_LATENT)
        first = max(0, (latent_frame - 1) * FRAMES_PER_LATENT + 1)
    mask = 1.0 - frames.strength
    if first == 0 and (frames.continues or not append_first):
        return ConditioningTokens(tokens, mask, start=0)
    coordinates = keyframe_coordinates(
        frames.num_frames, first, geometry, tokens.device, offset=offset
    )
    return ConditioningTokens(tokens, mask, start=None, coordinates=coordinates)


def conditioned_stream(
    noise: torch.Tensor,
    coordinates: torch.Tensor,
    conditions: Sequence[ConditioningTokens],
    *,
    base: torch.Tensor | None = None,
    noise_scale: float = 1.0,
    conditions_after_noise: bool = True,
) -> Stream:
    """Noise ``[1, T + A, C]`` over ``base`` ``[1, T, C]`` and the conditions, A tokens appended.

    ``coordinates``: of the T tokens. Without a base there is nothing but noise where no condition
    is. ``noise_scale``: s, the first noise level. With m the mask and c what is conditioned on,

    - ``m (s noise + (1 - s) base) + (1 - m) c`` with ``conditions_after_noise`` (ltx-core
      ``GaussianNoiser``);
    - else ``m s noise + (1 - m s) c``, the base standing in for c where there is none (diffusers
      ``LTX2ConditionPipeline.prepare_latents``).

    They differ for masks between 0 and 1 when s is not 1.
    """
    start, clean = torch.zeros_like(noise), torch.zeros_like(noise)
    mask = torch.ones_like(noise[..., :1])
    if base is not None:
        start[:, : base.shape[1]] = base
    known = start.clone()
    slots = (0, 0)
    for first, stop, condition in _placed(conditions, coordinates.shape[2]):
        if condition.is_slots:
            slots = (first, stop)
        known[:, first:stop] = clean[:, first:stop] = condition.tokens
        mask[:, first:stop] = condition.mask
    if conditions_after_noise:
        latents = (noise * noise_scale + start * (1 - noise_scale)) * mask + clean * (1 - mask)
    else:
        scaled = mask * noise_scale
        latents = noise * scaled + known * (1 - scaled)
    appended = [each.coordinates for each in conditions if each.coordinates is not None]
    bounds = torch.cat([coordinates, *appended], dim=2)
    attention = _attention(conditions, coordinates.shape[2], noise)
    return Stream(latents, clean, mask, bounds, attention, slots)


def _attention(
    conditions: Sequence[ConditioningTokens], own: int, like: torch.Tensor
) -> torch.Tensor | None:
    """How well each token sees each, ``[T, T]``, where a condition says it.

    As ltx-core's ``build_attention_mask``.

    Tokens that are appended behind the first that says so see the segment's and themselves, and
    none that were appended before.
    """
    seen: torch.Tensor | None = None
    for first, stop, condition in _placed(conditions, own):
        weights = condition.attention
        if condition.start is not None or (seen is None and weights is None):
            continue
        if seen is None:
            seen = like.new_zeros(like.shape[1], like.shape[1])
            seen[:first, :first] = 1
        seen[first:stop, first:stop] = 1
        seen[:own, first:stop] = 1 if weights is None else weights
        seen[first:stop, :own] = 1 if weights is None else weights[:, None]
    return seen


def _placed(
    conditions: Sequence[ConditioningTokens], own: int
) -> Iterator[tuple[int, int, ConditioningTokens]]:
    """Where each condition begins and stops in a stream with ``own`` tokens of the segment's."""
    end = own
    for condition in conditions:
        length = condition.tokens.shape[1]
        if condition.start is None:
            yield end, end + length, condition
            end += length
        else:
            yield condition.start, condition.start + length, condition


def appended_tokens(conditions: Sequence[ConditioningTokens]) -> int:
    """How many tokens the conditions add to a stream."""
    return sum(each.tokens.shape[1] for each in conditions if each.start is None)
