"""The arrays that stages of LTX-2 make, by name, shape and size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import longtake as lt

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["COLORS", "array", "encoded_frames", "noisy_latents", "trailing_frames"]

COLORS = 3
_BYTES = {"uint8": 1, "float32": 4, "int64": 8, "float64": 8, "bfloat16": 2, "float16": 2}


def array(name: str, shape: tuple[int, ...], dtype: str = "float32") -> lt.ValueEstimate:
    """One array. ``dtype``: by torch's name."""
    return lt.ValueEstimate(name, shape, dtype, math.prod(shape) * _BYTES[dtype])


def noisy_latents(scene: Scene) -> list[lt.ValueEstimate]:
    """The arrays of `NoisyLatents`, without tokens beyond the segment's grid."""
    config = scene.networks.transformer
    streams = {
        "video": (scene.video_tokens, config.in_channels, 3),
        "audio": (scene.audio_latents, config.audio_in_channels, 1),
    }
    return [
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
    """The pass that encodes the repeated frames, if there are any, and the bytes that it holds."""
    if not scene.repeated_frames:
        return [], 0
    size = (scene.geometry.height, scene.geometry.width)
    pixels = array("pixels", (1, COLORS, scene.repeated_frames, *size))
    cost = scene.networks.video_encoder(pixels.shape)
    encode = lt.PassEstimate("encode frames", cost.flops)
    return [encode], cost.activation_bytes + pixels.num_bytes
