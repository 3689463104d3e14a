"""What a request may say of a denoising loop."""

from __future__ import annotations

from typing import Any, Literal

from attrs import Attribute, field, frozen
from attrs.validators import and_, deep_iterable, instance_of, max_len, min_len, optional

import longtake as lt
from longtake_ltx2.stage_overrides.guiding import LTX2GuidanceLevel, LTX2Nag

__all__ = ["LTX2DenoiseOptions", "LTX2LoopOptions", "SamplerName", "StepNoise"]

SamplerName = Literal["euler", "euler_ancestral", "res_2s"]
StepNoise = Literal["fixed", "seeded"]

_SCALE = lt.between(-1000.0, 1000.0)
_SHARE = lt.between(0.0, 1.0)
_STEPS = lt.between(1, 1000)
_SKIPPED = lt.between(0, 100)
_EVERY = lt.between(1, 2000)
_FEWEST_LEVELS, _MOST_LEVELS, _MOST_RANGES = 2, 1001, 32


def _of_some_levels(instance: object, attribute: Attribute[Any], value: tuple[float, ...]) -> None:
    if not _FEWEST_LEVELS <= len(value) <= _MOST_LEVELS:
        allowed = f"{_FEWEST_LEVELS} to {_MOST_LEVELS}"
        raise lt.ValidationError(attribute.name, f"has {len(value)} levels; must have {allowed}")


_LEVELS = optional(
    and_(
        _of_some_levels,
        min_len(_FEWEST_LEVELS),
        max_len(_MOST_LEVELS),
        deep_iterable(lt.between(0.0, 1.0)),
    )
)


def _rising(
    instance: object, attribute: Attribute[Any], value: tuple[LTX2GuidanceLevel, ...]
) -> None:
    if len(value) > _MOST_RANGES:
        raise lt.ValidationError(attribute.name, f"has {len(value)}; at most {_MOST_RANGES}")
    bounds = [level.up_to for level in value]
    if bounds != sorted(set(bounds)):
        raise lt.ValidationError(attribute.name, f"has the levels {bounds}; they must rise")


@frozen(kw_only=True)
class LTX2LoopOptions:
    """What every denoising loop lets a request choose; None leaves it open.

    - ``num_inference_steps``: steps of the loop. ``guidance_scale``: text guidance (CFG), 1.0 is
      off. A recipe leaves neither open: the defaults of its stage say what nobody else does.
    - ``sigmas``: noise levels of your own, from at most 1 down to 0, in the place of the recipe's;
      they say the number of steps, and ``num_inference_steps`` does not count then.
    - ``sampler``: ``euler``; ``euler_ancestral``, with fresh noise at every step; or ``res_2s``, of
      second order, which evaluates two points a step and one at the end. None is the recipe's.
    - ``skip_step``: of so many steps and one more the first is evaluated, the others take what was
      predicted last.
    - ``nag``: guidance away from the negative prompt within the attention to the text; None is off.
    - ``step_noise``: whether the noise of ``res_2s`` is the same in every request (``fixed``, as
      Lightricks have it; None is that) or of the segment's seed (``seeded``).
    - ``preview_every``: after each so many evaluations, as `longtake.Progress` counts them, the
      reader of a stream is shown a `longtake.Preview`; None is never. The result is the same.
    """

    num_inference_steps: int | None = field(default=None, validator=_STEPS)
    guidance_scale: float | None = field(default=None, validator=_SCALE)
    sigmas: tuple[float, ...] | None = field(
        default=None,
        validator=_LEVELS,
        metadata={"help": "Noise levels of your own, down to 0; they say the steps, too."},
    )
    sampler: SamplerName | None = field(
        default=None, metadata={"help": "How the noise is taken away; null is the recipe's way."}
    )
    skip_step: int | None = field(
        default=None,
        validator=_SKIPPED,
        metadata={"help": "Steps after each that take over what it has predicted; null is none."},
    )
    step_noise: StepNoise | None = field(
        default=None,
        metadata={"help": "Whether res_2s draws the same noise always, which null means."},
    )
    preview_every: int | None = field(
        default=None,
        validator=_EVERY,
        metadata={"help": "Evaluations from one rough preview to the next; null is no preview."},
    )
    nag: LTX2Nag | None = field(
        default=None,
        validator=optional(instance_of(LTX2Nag)),
        metadata={"help": "Normalised attention guidance, for distilled models; null is off."},
    )

    def settled(
        self, *, num_inference_steps: int | None = None, guidance_scale: float | None = None
    ) -> LTX2DenoiseOptions:
        """All options of a loop. The arguments stand where these leave something open.

        What neither says is as `LTX2DenoiseOptions` have it.
        """
        known: dict[str, Any] = {
            "num_inference_steps": num_inference_steps,
            "guidance_scale": guidance_scale,
            "sigmas": self.sigmas,
            "sampler": self.sampler,
            "skip_step": self.skip_step,
            "step_noise": self.step_noise,
            "preview_every": self.preview_every,
            "nag": self.nag,
        }
        if self.num_inference_steps is not None:
            known["num_inference_steps"] = self.num_inference_steps
        if self.guidance_scale is not None:
            known["guidance_scale"] = self.guidance_scale
        known = {name: value for name, value in known.items() if value is not None}
        return LTX2DenoiseOptions(**known)


@frozen(kw_only=True)
class LTX2DenoiseOptions(LTX2LoopOptions):
    """Steps and guidance of the denoising loop.

    The guidance terms act on the predicted clean latents; each has a scale for the picture
    and one for the sound, whose None follows the picture's and whose 0.0 means 0. Neutral values:
    1.0 for ``guidance_scale`` (text CFG) and ``modality_scale``, 0.0 for ``stg_scale`` and
    ``guidance_rescale``. ``stg_blocks``: transformer blocks that spatio-temporal guidance
    perturbs. ``voice_scale``: of picture and sound alike, away from what is made without the voice
    that the request gives (ID-LoRA's identity guidance, where it is 3). ``guidance_levels``: scales
    for ranges of noise levels; an evaluation has those of the lowest ``up_to`` that is not below
    its level, or the last ones (ltx-core's guidance by sigma).
    """

    num_inference_steps: int = field(
        default=40, validator=_STEPS, metadata={"help": "Steps of the loop."}
    )
    guidance_scale: float = field(
        default=1.0, validator=_SCALE, metadata={"help": "Text guidance of the picture; 1 is off."}
    )
    audio_guidance_scale: float | None = field(
        default=None,
        validator=_SCALE,
        metadata={"help": "Text guidance of the sound; null follows the picture's."},
    )
    stg_scale: float = field(
        default=0.0,
        validator=_SCALE,
        metadata={"help": "Spatio-temporal guidance of the picture; 0 is off."},
    )
    audio_stg_scale: float | None = field(
        default=None,
        validator=_SCALE,
        metadata={"help": "Spatio-temporal guidance of the sound; null follows the picture's."},
    )
    stg_blocks: tuple[int, ...] = field(
        default=(),
        validator=and_(lt.unique(), deep_iterable(lt.between(0))),
        metadata={"help": "Transformer blocks that spatio-temporal guidance perturbs."},
    )
    modality_scale: float = field(
        default=1.0,
        validator=_SCALE,
        metadata={"help": "Guidance of the picture away from ignoring the sound; 1 is off."},
    )
    audio_modality_scale: float | None = field(
        default=None,
        validator=_SCALE,
        metadata={"help": "Guidance of the sound away from ignoring the picture; null follows."},
    )
    guidance_rescale: float = field(
        default=0.0,
        validator=_SHARE,
        metadata={"help": "Share of the picture's rescaling to its unguided deviation."},
    )
    audio_guidance_rescale: float | None = field(
        default=None,
        validator=_SHARE,
        metadata={"help": "Share of the sound's rescaling; null follows the picture's."},
    )

    voice_scale: float = field(
        default=0.0,
        validator=_SCALE,
        metadata={"help": "Guidance towards the voice that is given, a pass more; 0 is off."},
    )
    guidance_levels: tuple[LTX2GuidanceLevel, ...] = field(
        default=(),
        validator=and_(
            deep_iterable(instance_of(LTX2GuidanceLevel)), _rising, max_len(_MOST_RANGES)
        ),
        metadata={"help": "Scales of their own for ranges of noise levels, the lowest first."},
    )

    def settled(
        self, *, num_inference_steps: int | None = None, guidance_scale: float | None = None
    ) -> LTX2DenoiseOptions:
        """These: they leave nothing open."""
        return self
