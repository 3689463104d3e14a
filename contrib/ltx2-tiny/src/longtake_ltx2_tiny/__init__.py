"""A tiny LTX-2 that has learned something: what takes are made with that name no checkpoint."""

from __future__ import annotations

import longtake as lt

__all__ = ["longtake_extensions", "shifted"]

__version__ = "0.1.0"

LONGTAKE_API = ">=1,<2"

_STEPS, _SHIFT = 16, 3


def shifted(steps: int) -> tuple[float, ...]:
    """Noise levels from 1 to 0 in so many steps, for weights that are not distilled.

    Even levels s are shifted as diffusers' ``FlowMatchEulerDiscreteScheduler`` shifts them:
    k s / (1 + (k - 1) s), here with k = 3, so that there are more of them near 1.
    """
    even = (1 - step / steps for step in range(steps + 1))
    return tuple(_SHIFT * each / (1 + (_SHIFT - 1) * each) for each in even)


_SHAPES = lt.Preset(
    "ltx2_shapes",
    base="ltx2_distilled",
    description="longtake-ltx2-tiny's weights: what they have learned, small, away from no prompt",
    defaults={
        # without it more things are of another shape, and move at another speed, than is said
        "guidance_scale": 2.0,
        "negative_prompt": "",
        "seed": 0,
        "height": 64,
        "width": 64,
        "num_frames": 41,
        "num_inference_steps": _STEPS,
    },
    # with the eight levels of distilled weights, these lose more things
    stage_defaults={"denoise": {"sigmas": shifted(_STEPS)}},
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
