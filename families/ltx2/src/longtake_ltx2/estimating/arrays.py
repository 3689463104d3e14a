"""The arrays that stages of LTX-2 make, by name, shape and size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT
from longtake_ltx2.continuation.carried import carries_latents
from longtake_ltx2.estimating.inputs import added_by_inputs
from longtake_ltx2.sizes import SPATIAL_FACTOR

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = [
    "COLORS",
    "array",
    "encoded_frames",
    "encoded_prefix",
    "noisy_latents",
    "trailing_frames",
]

COLORS = 3
_BYTES = {"uint8": 1, "float32": 4, "int64": 8, "float64": 8, "bfloat16": 2, "float16": 2}


def array(name: str, shape: tuple[int, ...], dtype: str = "float32") -> lt.ValueEstimate:
    """One array. ``dtype``: by torch's name."""
    return lt.ValueEstimate(name, shape, dtype, math.prod(shape) * _BYTES[dtype])


def noisy_latents(scene: Scene) -> list[lt.ValueEstimate]:
    """The arrays of `NoisyLatents`, with the tokens that inputs add."""
    config, added = scene.networks.transformer, added_by_inputs(scene)
    seen = (scene.video_tokens + added.tokens,) * 2
    masks = [array("NoisyLatents.video.attention", seen)] if added.is_masked else []
    streams = {
        "video": (seen[0], config.in_channels, 3),
        "audio": (scene.audio_latents + added.voice_latents, config.audio_in_channels, 1),
    }
    return masks + [
        array(f"NoisyLatents.{stream}.{name}", shape)
        for stream, (tokens, channels, axes) in streams.items()
        for name, shape in (
            ("latents", (1, tokens, channels)),
            ("clean", (1, tokens, channels)),
            ("denoise_mask", (1, tokens, 1)),
            ("coordinates", (1, axes, tokens, 2)),
        )
    ]


def trailing_frames(name: str, scene: Scene) -> lt.ValueEstimate:
    """The frames that the next segment repeats."""
    size = (scene.geometry.height, scene.geometry.width, COLORS)
    return array(name, (scene.trailing_frames, *size), "uint8")


def encoded_frames(scene: Scene) -> tuple[list[lt.PassEstimate], int]:
    """The passes that encode repeated frames and inputs, and the most bytes that one holds."""
    size, added = (scene.geometry.height, scene.geometry.width), added_by_inputs(scene)
    passes: list[lt.PassEstimate] = []
    held = 0
    repeated = [] if carries_latents(scene.job) else [(scene.repeated_frames, *size)]
    for frames, height, width in (*repeated, *added.encoded):
        if frames:
            encode, bytes_held = _encoding(scene, frames, height, width)
            passes += encode
            held = max(held, bytes_held)
    for mel_frames in added.mel_frames:
        cost = scene.networks.audio_encoder(mel_frames)
        passes.append(lt.PassEstimate("encode sound", cost.flops))
        held = max(held, cost.activation_bytes)
    return passes, held


def encoded_prefix(
    scene: Scene, scales: Sequence[int]
) -> tuple[list[lt.ValueEstimate], list[lt.PassEstimate], int]:
    """The latents of the trailing frames at each scale, what encodes them, and what that holds."""
    values: list[lt.ValueEstimate] = []
    passes: list[lt.PassEstimate] = []
    held = 0
    for scale in scales if scene.trailing_frames else ():
        height, width = scene.geometry.height // scale, scene.geometry.width // scale
        channels = scene.networks.transformer.in_channels
        frames = (scene.trailing_frames - 1) // FRAMES_PER_LATENT + 1
        shape = (1, channels, frames, height // SPATIAL_FACTOR, width // SPATIAL_FACTOR)
        values.append(array("LTX2ContinuationState.video_latents", shape))
        encode, bytes_held = _encoding(scene, scene.trailing_frames, height, width)
        passes += encode
        held = max(held, bytes_held)
    return values, passes, held


def _encoding(
    scene: Scene, frames: int, height: int, width: int
) -> tuple[list[lt.PassEstimate], int]:
    pixels = array("pixels", (1, COLORS, frames, height, width))
    cost = scene.networks.video_encoder(pixels.shape)
    encode = lt.PassEstimate("encode frames", cost.flops)
    return [encode], cost.activation_bytes + pixels.num_bytes
