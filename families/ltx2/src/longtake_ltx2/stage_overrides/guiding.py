"""How a loop is guided beyond one scale for all of it: by noise level, and within attention."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

import longtake as lt

__all__ = ["LTX2GuidanceLevel", "LTX2Nag"]

_SCALE = lt.between(-1000.0, 1000.0)
_SHARE = lt.between(0.0, 1.0)


def _instead(allowed: Any) -> Any:
    return field(
        default=None, validator=allowed, metadata={"help": "In its place; null is as without."}
    )


@frozen(kw_only=True)
class LTX2Nag:
    """Normalised attention guidance: away from the negative prompt without a pass of its own.

    Chen et al., arXiv:2505.21179. Each attention to the text gives Z+ for the prompt and Z- for
    the negative prompt, of the same queries: G = s Z+ - (s - 1) Z-, whose L1 norm is held to
    tau times that of Z+, and alpha G + (1 - alpha) Z+ is taken. ``scale``: s, 1 is off.
    """

    scale: float = field(
        default=11.0,
        validator=lt.between(1.0, 1000.0),
        metadata={"help": "How far away from the negative prompt; 1 is off."},
    )
    alpha: float = field(default=0.25, validator=_SHARE, metadata={"help": "Share of it."})
    tau: float = field(
        default=2.5,
        validator=lt.between(1.0, 1000.0),
        metadata={"help": "How many times as large what is guided may get."},
    )


@frozen(kw_only=True)
class LTX2GuidanceLevel:
    """Scales of its own up to a noise level; what is None is as without it.

    ``up_to``: the highest noise level that it counts at; below it count those with lower ones.
    """

    up_to: float = field(
        validator=lt.between(0.0, 1.0), metadata={"help": "The highest noise level it counts at."}
    )
    guidance_scale: float | None = _instead(_SCALE)
    audio_guidance_scale: float | None = _instead(_SCALE)
    stg_scale: float | None = _instead(_SCALE)
    audio_stg_scale: float | None = _instead(_SCALE)
    modality_scale: float | None = _instead(_SCALE)
    audio_modality_scale: float | None = _instead(_SCALE)
    voice_scale: float | None = _instead(_SCALE)
    guidance_rescale: float | None = _instead(_SHARE)
    audio_guidance_rescale: float | None = _instead(_SHARE)
