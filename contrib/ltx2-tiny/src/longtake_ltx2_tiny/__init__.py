"""A tiny LTX-2 that has learned something: what takes are made with that name no checkpoint."""

from __future__ import annotations

import longtake as lt

__all__ = ["longtake_extensions"]

__version__ = "0.1.0"

LONGTAKE_API = ">=1,<2"

_STEPS, _SHIFT = 16, 3
_EVEN = tuple(1 - step / _STEPS for step in range(_STEPS + 1))
_SIGMAS = tuple(_SHIFT * each / (1 + (_SHIFT - 1) * each) for each in _EVEN)
"""A flow's noise levels, shifted towards 1: weights that are not distilled lose fewer things on
these than on the eight of the distilled ones."""

_SHAPES = lt.Preset(
    "ltx2_shapes",
    base="ltx2_distilled",
    description="longtake-ltx2-tiny's weights: what they have learned, small, without guidance",
    defaults={
        "seed": 1,
        "height": 64,
        "width": 64,
        "num_frames": 41,
        "num_inference_steps": _STEPS,
    },
    stage_defaults={"denoise": {"sigmas": _SIGMAS}},
)


@lt.hookimpl
def longtake_extensions() -> list[lt.Extension]:
    """The example of LTX-2, and the preset that it is used with."""
    return [
        lt.Extension(
            "ltx2",
            presets=(_SHAPES,),
            example="longtake_ltx2_tiny.weights:example",
            description="a tiny LTX-2 that has learned simple scenes",
        )
    ]
