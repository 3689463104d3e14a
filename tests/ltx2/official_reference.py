"""The official sampling of LTX-2, written down once more, plainly, from its published formulas.

Only the networks are taken from elsewhere (diffusers). Every pass runs in every step; what a
neutral scale adds is then zero.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import field, frozen

HEIGHT, WIDTH, FRAMES, FPS = 64, 96, 25, Fraction(24)


@frozen
class Scales:
    """Of one stream; neutral by default."""

    cfg: float = 1.0
    stg: float = 0.0
    modality: float = 1.0
    rescale: float = 0.0


@frozen(kw_only=True)
class Continued:
    """What the segment goes on from. ``take``: its frames and audio latents so far, if known."""

    segment_index: int
    frames: list[Any]
    video_strength: float
    audio: torch.Tensor
    context: int
    audio_strength: float
    take: tuple[int, int] | None
    offset: Fraction = Fraction(0)


@frozen(kw_only=True)
class Asked:
    """One segment."""

    prompt: str
    negative: str
    seed: int
    steps: int
    video: Scales = field(factory=Scales)
    audio: Scales = field(factory=Scales)
    block: int = 1
    continued: Continued | None = None


@frozen
class Grid:
    """Where the segment lies: its first audio latent, how many, how many of before, the offset."""

    first: int
    length: int
    context: int
    offset: Fraction


@frozen
class Tokens:
    """One stream: noise mixed with what is known, the known, the mask (1 is noise), the bounds."""

    start: torch.Tensor
    clean: torch.Tensor
    mask: torch.Tensor
    bounds: torch.Tensor


@functools.cache
def networks(path: Path) -> Any:
    """diffusers' pipeline, only for its networks, on memory of their own."""
    from diffusers import LTX2ConditionPipeline

    pipe = LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    for name in ("transformer", "vae", "connectors", "text_encoder"):
        for weight in getattr(pipe, name).parameters():
            weight.data = weight.data.clone()
    return pipe


def sigmas(steps: int) -> list[float]:
    """Linear, shifted for 4096 tokens, stretched to end at 0.1, then 0; in fp32 throughout.

    The stretch is ill-conditioned and the networks take 1000 sigma, so the precision shows.
    """
    m = (2.05 - 0.95) / (4096 - 1024)
    shift = np.float32(math.exp(4096 * m + 0.95 - 1024 * m))
    s = np.linspace(1, 1 / steps, steps).astype(np.float32)
    z = 1 - shift / (shift + (1 / s - 1))
    stretched = 1 - z / (z[-1] / np.float32(1 - 0.1))
    return [*stretched.tolist(), 0.0]


def grid(continued: Continued | None) -> Grid:
    """The clock of a take, on one grid of 25 audio latents a second."""
    if continued is None:
        return Grid(0, round(FRAMES / float(FPS) * 25.0), 0, Fraction(0))
    if continued.take is None:  # another implementation's state: a new grid
        end = round(float((continued.offset + FRAMES / FPS) * 25))
        return Grid(0, end, continued.context, continued.offset)
    frames, latents = continued.take
    first_frame = frames - len(continued.frames)
    first = min(latents - continued.context, math.floor(25 * first_frame / FPS))
    first = max(0, first)
    end = round((first_frame + FRAMES) / float(FPS) * 25.0)
    return Grid(first, end - first, latents - first, first_frame / FPS - Fraction(first, 25))


def video_bounds(offset: Fraction) -> torch.Tensor:
    """``[1, 3, T, 2]``: seconds, rows and columns of every token, frame by frame, row by row."""
    bounds = []
    for frame in range((FRAMES - 1) // 8 + 1):
        seconds = [max(8 * frame - 7, 0) / float(FPS), (8 * frame + 1) / float(FPS)]
        for row in range(HEIGHT // 32):
            for column in range(WIDTH // 32):
                across = [32 * column, 32 * column + 32]
                bounds.append([seconds, [32 * row, 32 * row + 32], across])
    tokens = torch.tensor(bounds)
    tokens[:, 0] += torch.tensor(float(offset))  # in fp32
    return tokens.transpose(0, 1)[None]


def audio_bounds(where: Grid) -> torch.Tensor:
    """``[1, 1, L, 2]`` seconds; inside a take no latent is cut to its last 10 ms."""
    starts = [4 * index - 3 for index in range(where.length)]
    if where.first == 0:
        starts[0] = 0
    ends = [4 * index + 1 for index in range(where.length)]
    return torch.tensor([[s / 100, e / 100] for s, e in zip(starts, ends, strict=True)])[None, None]


def segment_seed(asked: Asked) -> int:
    """The take's seed for its first segment, else 8 bytes of SHA-256 of ``seed:index``."""
    if asked.continued is None:
        return asked.seed
    text = f"{asked.seed}:{asked.continued.segment_index + 1}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def conditioned(
    noise: torch.Tensor, known: torch.Tensor, mask: float, bounds: torch.Tensor
) -> Tokens:
    """Noise ``[1, T, C]`` whose first tokens are ``known`` as far as ``mask`` lets them be."""
    clean, masks = torch.zeros_like(noise), torch.ones(1, noise.shape[1], 1)
    for index in range(known.shape[1]):
        clean[:, index] = known[:, index]
        masks[:, index] = mask
    return Tokens(noise * masks + clean * (1 - masks), clean, masks, bounds)


def streams(pipe: Any, asked: Asked) -> tuple[Tokens, Tokens]:
    """Noise for the picture, then for the sound, in token order; then what is known."""
    where, before = grid(asked.continued), asked.continued
    generator = torch.Generator().manual_seed(segment_seed(asked))
    video_bounds_ = video_bounds(where.offset)
    config = pipe.transformer.config
    shape = (1, video_bounds_.shape[2], config.in_channels)
    video = torch.randn(shape, generator=generator)
    audio = torch.randn((1, where.length, config.audio_in_channels), generator=generator)
    known_video, known_audio = video[:, :0], audio[:, :0]
    strengths = (1.0, 0.0) if before is None else (before.video_strength, before.audio_strength)
    if before is not None:
        known_video = encoded(pipe, before.frames)
        latents = before.audio[:, :, before.audio.shape[2] - where.context :]
        known_audio = torch.stack([latents[0, :, i].flatten() for i in range(where.context)])[None]
    return (
        conditioned(video, known_video, 1 - strengths[0], video_bounds_),
        conditioned(audio, known_audio, strengths[1], audio_bounds(where)),
    )


def encoded(pipe: Any, frames: list[Any]) -> torch.Tensor:
    """Normalised tokens ``[1, T, C]`` of uint8 frames."""
    pixels = torch.tensor(np.stack(frames)).permute(3, 0, 1, 2)[None] / 255 * 2 - 1
    latents = pipe.vae.encode(pixels).latent_dist.mode()[0]
    each = [
        (channel - mean) / std
        for channel, mean, std in zip(
            latents, pipe.vae.latents_mean, pipe.vae.latents_std, strict=True
        )
    ]
    return torch.stack(each, dim=-1).flatten(0, 2)[None]


@contextmanager
def hooked(transformer: Any, own: tuple[torch.Tensor, ...], perturbed: list[Any]) -> Iterator[None]:
    """Scale and shift between the streams from the own timesteps; STG's attention is its values."""

    def with_own(timestep: torch.Tensor) -> Callable[..., Any]:
        return lambda module, args: (timestep.flatten(), *args[1:])

    def only_values(module: Any, args: Any, kwargs: Any, output: Any) -> Any:
        hidden = kwargs["hidden_states"]
        values = module.to_v(hidden).unflatten(2, (module.heads, -1))
        if module.to_gate_logits is not None:
            values = values * 2 * torch.sigmoid(module.to_gate_logits(hidden))[..., None]
        return module.to_out[0](values.flatten(2))

    shifts = (
        transformer.av_cross_attn_video_scale_shift,
        transformer.av_cross_attn_audio_scale_shift,
    )
    with ExitStack() as stack:
        for module, timestep in zip(shifts, own, strict=True):
            stack.callback(module.register_forward_pre_hook(with_own(timestep)).remove)
        for module in perturbed:
            stack.callback(module.register_forward_hook(only_values, with_kwargs=True).remove)
        yield
