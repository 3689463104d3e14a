"""From video latents to pixels, a few frames at a time.

The decoder's last convolution makes as many channels as a patch has numbers, several times what all
layers before it need, and laying the patches out copies that. Both see single frames and their
neighbours only, so they run on slices, and the clip is never there as floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLLTX2Video
from numpy.typing import NDArray

from longtake_ltx2.forward.convolutions import fast_convolutions

__all__ = ["decoded_slices", "joined", "uint8_slices"]

_FRAMES_AT_ONCE = 8


def decoded_slices(vae: Any, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """``[1, C, F, H, W]`` as ``vae`` decodes them, in its dtype, to uint8 ``[t, H, W, 3]`` slices.

    They are on the device, and none is kept.
    """
    timestep = latents.new_zeros(1) if vae.config.timestep_conditioning else None
    # Tiles are blended as floats, and what a timestep scales lies between the last layers.
    if timestep is not None or not isinstance(vae, AutoencoderKLLTX2Video) or _has_tiles(vae):
        with fast_convolutions(vae):
            video = vae.decode(latents, timestep, return_dict=False)[0]
        return uint8_slices(video)
    return _last_layers(vae.decoder, _features(vae, latents))


def uint8_slices(video: torch.Tensor) -> Iterator[torch.Tensor]:
    """``[1, 3, T, H, W]`` in [-1, 1] as uint8 ``[t, H, W, 3]``."""
    for part in torch.split(video[0], _FRAMES_AT_ONCE, dim=1):
        yield _as_uint8(part).permute(1, 2, 3, 0)


def joined(slices: Iterable[torch.Tensor], frames: int) -> NDArray[np.uint8]:
    """All ``frames`` frames of ``slices`` as one array ``[T, H, W, 3]`` in the computer's memory.

    Raises `RuntimeError` when there are more or fewer.
    """
    pixels, there = torch.empty(0, dtype=torch.uint8), 0
    for part in slices:
        if not there:
            pixels = pixels.new_empty((frames, *part.shape[1:]))
        pixels[there : there + len(part)] = part
        there += len(part)
    if there != frames:
        raise RuntimeError(f"the latents decoded to {there} frames, expected {frames}")
    array: NDArray[np.uint8] = pixels.numpy()
    return array


def _has_tiles(vae: AutoencoderKLLTX2Video) -> bool:
    return bool(vae.use_tiling or vae.use_framewise_decoding)


def _features(vae: AutoencoderKLLTX2Video, latents: torch.Tensor) -> torch.Tensor:
    """What the decoder's last layers would get; they get a corner of one frame meanwhile."""
    found: list[torch.Tensor] = []

    def take(module: torch.nn.Module, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        found.append(given[0])
        return (given[0][:, :, :1, :2, :2],)

    hook = vae.decoder.norm_out.register_forward_pre_hook(take)
    try:
        with fast_convolutions(vae.decoder):
            vae.decode(latents, return_dict=False)
    finally:
        hook.remove()
    return found.pop()


def _last_layers(decoder: Any, features: torch.Tensor) -> Iterator[torch.Tensor]:
    """As at the end of diffusers' ``LTX2VideoDecoder3d.forward``."""
    frames, reach = features.shape[2], decoder.conv_out.kernel_size[0] - 1
    before, after = (reach, 0) if decoder.is_causal else (reach // 2, reach // 2)
    for start in range(0, frames, _FRAMES_AT_ONCE):
        stop = min(frames, start + _FRAMES_AT_ONCE)
        first = max(0, start - before)
        part = decoder.conv_act(decoder.norm_out(features[:, :, first : stop + after]))
        with fast_convolutions(decoder.conv_out):
            patches = decoder.conv_out(part, causal=decoder.is_causal)[0]
        del part
        yield _laid_out(_as_uint8(patches[:, start - first : stop - first]), decoder)


def _laid_out(patches: torch.Tensor, decoder: Any) -> torch.Tensor:
    """``[C * p_t * p * p, f, h, w]`` to ``[f * p_t, h * p, w * p, C]``."""
    side, depth = decoder.patch_size, decoder.patch_size_t
    _, frames, height, width = patches.shape
    grid = patches.reshape(-1, depth, side, side, frames, height, width)
    grid = grid.permute(4, 1, 5, 3, 6, 2, 0)
    return grid.reshape(frames * depth, height * side, width * side, -1)


def _as_uint8(video: torch.Tensor) -> torch.Tensor:
    """[-1, 1] to 0 to 255."""
    return ((video.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
