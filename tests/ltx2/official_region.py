"""A clip that is kept but for a time, in the words of Lightricks' own packages.

Where the clip is as long as the segment: ltx-core's ``TemporalRegionMask`` over it as the initial
latent, as ltx-pipelines' ``RetakePipeline``; a stream of which nothing is made is frozen without
noise, as ``A2VidPipelineTwoStage`` does it and ``RetakePipeline`` does not. Elsewhere, and in a
second pass, which that pipeline has not: conditioning items by latent index.
"""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import Any

import attrs
import numpy as np
import torch

from longtake_ltx2.latents import audio_from_tokens, audio_to_tokens, video_from_tokens
from tests.ltx2.official_reference import FPS, Asked, Frames, Grid, Region
from tests.ltx2.official_tokens import encoded, encoded_sound, leading

Size = tuple[int, int, int]


@attrs.frozen
class Begun:
    """How a stream begins: its initial latent, what conditions it, whether none of it is made."""

    initial: torch.Tensor | None
    items: tuple[Any, ...] = ()
    frozen: bool = False


@attrs.frozen
class KeptSound:
    """A conditioning item: audio latents ``[1, C, L, mel]``, of which those in ``places`` stay.

    ``noise``: how much of it there is over them, as ltx-core's items for pictures have it.
    """

    latents: torch.Tensor
    places: tuple[int, ...]
    noise: float = 0.0

    def apply_to(self, state: Any, tools: Any) -> Any:
        state, at = state.clone(), list(self.places)
        state.clean_latent[:, at] = audio_to_tokens(self.latents)[:, at]
        state.denoise_mask[:, at] = self.noise
        return state


def begun_video(pipe: Any, wanted: Asked, size: Size, before: torch.Tensor | None) -> Begun:
    """The picture."""
    region = wanted.region
    if region is None:
        return Begun(before)
    count = len(region.pixels)
    tokens = encoded(pipe, Frames(pixels=region.pixels, first=0), size)
    latents = video_from_tokens(tokens, (count - 1) // 8 + 1, size[0] // 32, size[1] // 32)
    if region.places is not None or region.padding.any() or region.strength < 1:
        return _in_places(pipe, wanted, size, latents, before)
    if before is None and count == size[2]:
        return _whole(region, latents, made=region.video)
    conditioning, fps = import_module("ltx_core.conditioning"), float(FPS)
    items = []
    for latent in range(int(region.first > 0), latents.shape[2]):
        start, end = max(8 * latent - 7, 0) / fps, (8 * latent + 1) / fps
        if not region.remade(start, end, asked=region.video):
            piece, place = latents[:, :, latent : latent + 1], region.first // 8 + latent
            items.append(conditioning.VideoConditionByLatentIndex(piece, 1.0, place))
    for frames in leading(wanted):
        still = encoded(pipe, frames, size)
        still = video_from_tokens(still, 1, size[0] // 32, size[1] // 32)
        items.append(conditioning.VideoConditionByKeyframeIndex(still, frames.first, 1.0))
    return Begun(before, tuple(items))


def _in_places(
    pipe: Any, wanted: Asked, size: Size, clip: torch.Tensor, before: torch.Tensor | None
) -> Begun:
    """ltx-core's ``VideoConditionByMask``: 1 where the clip is kept, in places and for a time."""
    region = wanted.region
    assert region is not None  # or nothing would be kept in places
    shape = (1, clip.shape[1], (size[2] - 1) // 8 + 1, *clip.shape[3:])
    latents, mask = torch.zeros(shape), torch.zeros(1, *shape[2:])
    first = torch.zeros(clip.shape[3:])
    for latent in range(clip.shape[2]):
        for row in range(clip.shape[3]):
            for column in range(clip.shape[4]):
                keeps = region.kept(latent, row, column, size)
                if region.first and not latent:
                    first[row, column] = keeps
                    continue
                place = region.first // 8 + latent
                mask[0, place, row, column] = keeps
                latents[0, :, place, row, column] = clip[0, :, latent, row, column]
    masks = import_module("ltx_core.conditioning.types.mask_cond")
    items = [masks.VideoConditionByMask(latents, mask, region.strength)]
    conditioning = import_module("ltx_core.conditioning")
    for frames in leading(wanted):
        still = encoded(pipe, frames, size)
        still = video_from_tokens(still, 1, size[0] // 32, size[1] // 32)
        keyframe = conditioning.VideoConditionByKeyframeIndex(still, frames.first, region.strength)
        items.append(OnlyKept(keyframe, first.flatten().bool()))
    return Begun(before, tuple(items))


@attrs.frozen
class OnlyKept:
    """A conditioning item that appends tokens, of which those count that are kept ``[N]``."""

    whole: Any
    kept: torch.Tensor

    def apply_to(self, state: Any, tools: Any) -> Any:
        own = state.latent.shape[1]
        state = self.whole.apply_to(state, tools)
        counts = torch.cat([torch.ones(own, dtype=torch.bool), self.kept])
        return dataclasses.replace(
            state,
            latent=state.latent[:, counts],
            clean_latent=state.clean_latent[:, counts],
            denoise_mask=state.denoise_mask[:, counts],
            positions=state.positions[:, :, counts],
            keyframes_mask=state.keyframes_mask[:, counts],
        )


def begun_audio(pipe: Any, wanted: Asked, where: Grid, before: torch.Tensor | None) -> Begun:
    """The sound, which in a take may begin before the picture."""
    region, length = wanted.region, where.length
    if region is None or region.samples is None:
        return Begun(before)
    begin = float(where.offset) + region.first / float(FPS)
    duration = len(region.pixels) / float(FPS)
    heard = region.samples[:, : round(16000 * duration)]
    heard = np.pad(heard, ((0, 0), (round(16000 * begin), 16000)))
    tokens = encoded_sound(pipe, heard)[:, :length]
    latents = audio_from_tokens(tokens, pipe.audio_vae.config.mel_bins // 4)
    if before is None and len(region.pixels) == wanted.size[2] and not where.context:
        return _whole(region, latents, made=region.audio)
    places = []
    for latent in range(length):
        start, end = max(4 * latent - 3, 0) / 100 - begin, (4 * latent + 1) / 100 - begin
        last = region.first + len(region.pixels) == wanted.size[2]
        inside = start > -1e-6 and (end < duration + 1e-6 or last)
        if inside and not region.remade(start, end, asked=region.audio):
            places.append(latent)
    return Begun(before, (KeptSound(latents, tuple(places)),))


def _whole(region: Region, latents: torch.Tensor, *, made: bool) -> Begun:
    if region.window is None or not made:
        return Begun(latents, frozen=True)
    masks = import_module("ltx_core.conditioning.types.noise_mask_cond")
    return Begun(latents, (masks.TemporalRegionMask(*region.window, float(FPS)),))


def noised(noiser: Any, state: Any, scale: float, begun: Begun) -> Any:
    """The state before the loop. What is frozen draws its noise, too, and has none of it."""
    if not begun.frozen:
        return noiser(state, scale)
    state = noiser(state, 0.0)
    return dataclasses.replace(state, denoise_mask=torch.zeros_like(state.denoise_mask))
