"""What a request may override in LTX-2's stages."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

import longtake as lt

__all__ = ["LTX2DenoiseOptions"]


def _refuse(attribute: Attribute[Any], problem: str) -> None:
    raise lt.ValidationError(f"stage_overrides.denoise.{attribute.name}", problem)


def _scale(instance: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not -1000.0 <= value <= 1000.0:
        _refuse(attribute, f"is {value!r}; must be from -1000 to 1000")


def _share(instance: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not 0.0 <= value <= 1.0:
        _refuse(attribute, f"is {value!r}; must be from 0 to 1")


def _steps(instance: object, attribute: Attribute[Any], value: int) -> None:
    if not 1 <= value <= 1000:
        _refuse(attribute, f"is {value!r}; must be from 1 to 1000")


def _blocks(instance: object, attribute: Attribute[Any], value: tuple[int, ...]) -> None:
    if any(block < 0 for block in value) or len(set(value)) != len(value):
        _refuse(attribute, f"is {list(value)!r}; must be different block indices from 0")


@frozen(kw_only=True)
class LTX2DenoiseOptions:
    """Steps and guidance of the denoising loop.

    The four guidance terms act on the predicted clean latents; each has a scale for the picture
    and one for the sound, whose None follows the picture's and whose 0.0 means 0. Neutral values:
    1.0 for ``guidance_scale`` (text CFG) and ``modality_scale``, 0.0 for ``stg_scale`` and
    ``guidance_rescale``. ``stg_blocks``: transformer blocks that spatio-temporal guidance
    perturbs.
    """

    num_inference_steps: int = field(default=40, validator=_steps)
    guidance_scale: float = field(default=1.0, validator=_scale)
    audio_guidance_scale: float | None = field(default=None, validator=_scale)
    stg_scale: float = field(default=0.0, validator=_scale)
    audio_stg_scale: float | None = field(default=None, validator=_scale)
    stg_blocks: tuple[int, ...] = field(default=(), validator=_blocks)
    modality_scale: float = field(default=1.0, validator=_scale)
    audio_modality_scale: float | None = field(default=None, validator=_scale)
    guidance_rescale: float = field(default=0.0, validator=_share)
    audio_guidance_rescale: float | None = field(default=None, validator=_share)
