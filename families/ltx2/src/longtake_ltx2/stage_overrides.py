"""What a request may override in LTX-2's stages, and what may be set when a pipeline is built."""

from __future__ import annotations

from typing import Any, Literal

from attrs import Attribute, asdict, field, frozen
from attrs.validators import and_, deep_iterable, in_, instance_of, max_len, min_len, optional

import longtake as lt

__all__ = [
    "LTX2DecoderPresetOverride",
    "LTX2DenoiseOptions",
    "LTX2DenoisePresetOverride",
    "LTX2EnhanceOptions",
    "LTX2LoopOptions",
    "LTX2PreparationOptions",
    "LTX2RefinePresetOverride",
    "LTX2RefineStageOverride",
    "refine_override_to_dict",
]

SamplerName = Literal["euler", "euler_ancestral", "res_2s"]
StepNoise = Literal["fixed", "seeded"]

_SCALE = lt.between(-1000.0, 1000.0)
_SHARE = lt.between(0.0, 1.0)
_STEPS = lt.between(1, 1000)
_CRF = lt.between(0, 51)
_SKIPPED = lt.between(0, 100)
_EVERY = lt.between(1, 2000)
_LONGEST_INSTRUCTIONS = 20_000
_MOST_SLOTS = 64
_FEWEST_LEVELS, _MOST_LEVELS = 2, 1001


def _of_some_levels(instance: object, attribute: Attribute[Any], value: tuple[float, ...]) -> None:
    if not _FEWEST_LEVELS <= len(value) <= _MOST_LEVELS:
        allowed = f"{_FEWEST_LEVELS} to {_MOST_LEVELS}"
        raise lt.ValidationError(attribute.name, f"has {len(value)} levels; must have {allowed}")


def _in_order(instance: object, attribute: Attribute[Any], value: tuple[int, ...]) -> None:
    if len(value) > _MOST_SLOTS:
        raise lt.ValidationError(attribute.name, f"has {len(value)}; at most {_MOST_SLOTS}")
    if list(value) != sorted(value):
        raise lt.ValidationError(attribute.name, f"is {list(value)}; must be in order")


_LEVELS = optional(
    and_(
        _of_some_levels,
        min_len(_FEWEST_LEVELS),
        max_len(_MOST_LEVELS),
        deep_iterable(lt.between(0.0, 1.0)),
    )
)


def _strength(text: str) -> Any:
    return field(default=None, validator=_SCALE, metadata={"help": text})


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

    The four guidance terms act on the predicted clean latents; each has a scale for the picture
    and one for the sound, whose None follows the picture's and whose 0.0 means 0. Neutral values:
    1.0 for ``guidance_scale`` (text CFG) and ``modality_scale``, 0.0 for ``stg_scale`` and
    ``guidance_rescale``. ``stg_blocks``: transformer blocks that spatio-temporal guidance
    perturbs.
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

    def settled(
        self, *, num_inference_steps: int | None = None, guidance_scale: float | None = None
    ) -> LTX2DenoiseOptions:
        """These: they leave nothing open."""
        return self


@frozen(kw_only=True)
class LTX2EnhanceOptions:
    """How the prompt is rewritten in more words before it is encoded, under ``enhance``.

    - ``enhance_prompt``: whether it is; ``sampling.enhance_prompt`` says the same.
    - ``instructions``: what the model is told, in the place of Longtake's own words and of the file
      at ``prompt_instructions_path``.
    - ``seed``: of what it writes; None is the segment's. A model that decodes greedily has none.
    - ``max_new_tokens``: that it writes at most; None is the model's own (512; 600 for Gemma 4).
    """

    enhance_prompt: bool = field(
        default=False,
        validator=instance_of(bool),
        metadata={"help": "Whether a model rewrites the prompt in more words first."},
    )
    instructions: str | None = field(
        default=None,
        validator=optional(and_(instance_of(str), min_len(1), max_len(_LONGEST_INSTRUCTIONS))),
        metadata={"help": "What the model is told; null is Longtake's own words."},
    )
    seed: int | None = field(
        default=None,
        validator=lt.between(0, 2**64 - 1),
        metadata={"help": "Of what the model writes; null is the segment's."},
    )
    max_new_tokens: int | None = field(
        default=None,
        validator=lt.between(1, 4096),
        metadata={"help": "Tokens that the model writes at most; null is the model's own."},
    )


@frozen(kw_only=True)
class LTX2PreparationOptions:
    """How the conditioning is prepared.

    ``image_crf``: H.264 quality that still images are re-compressed at, as those were that the
    model learned from; 0 leaves them as they are, None is the generation's own (33; 18 for 2.5).
    ``append_first``: images and clips at frame 0 are appended as they are elsewhere, and the
    segment's own tokens there are made; without it they take the place of those. Both passes do so.
    ``keyframe_slots``: pictures that are made beside the segment, so many, evenly spread between
    its ends, or at these ``keyframe_slot_frames``, in order; in the first pass, by networks of
    2.5. The segment attends to them; they come out as `longtake.Stills`.
    """

    image_crf: int | None = field(
        default=None,
        validator=_CRF,
        metadata={"help": "H.264 quality of still images; 0 is off, null the generation's own."},
    )
    append_first: bool = field(
        default=False,
        validator=instance_of(bool),
        metadata={"help": "Whether images and clips at frame 0 are appended, as elsewhere."},
    )
    keyframe_slots: int = field(
        default=0,
        validator=lt.between(0, _MOST_SLOTS),
        metadata={"help": "Pictures that are made beside the segment, evenly spread (2.5)."},
    )
    keyframe_slot_frames: tuple[int, ...] = field(
        default=(),
        validator=and_(lt.unique(), deep_iterable(lt.between(0)), _in_order, max_len(_MOST_SLOTS)),
        metadata={"help": "Frames at which pictures are made beside the segment (2.5)."},
    )


@frozen(kw_only=True)
class LTX2DecoderPresetOverride:
    """Which video decoder a pipeline is built with, under ``preset_overrides.decode_video``.

    Checkpoints of 2.5 may have two: the VAE's own, convolutional, and one that is a diffusion model
    itself. None means the convolutional one.
    """

    decoder: Literal["convolutional", "diffusion"] | None = field(
        default=None, metadata={"help": "Which video decoder, of the two that 2.5 may have."}
    )


@frozen(kw_only=True)
class LTX2RefinePresetOverride:
    """The second pass as a pipeline is built with it, under ``preset_overrides.refine``.

    ``enabled``: without it there is one pass, at full size. ``add_noise``: whether the second pass
    starts from noise at its first level; None means that it does. ``sound``: whether the first
    pass's sound is heard or the second's; None is the preset's choice. ``lora_strength``: how
    strongly the LoRA at ``lora_path`` counts in this pass; None is the preset's choice.
    """

    enabled: bool | None = field(
        default=None,
        validator=optional(instance_of(bool)),
        metadata={"help": "Whether there is a second pass."},
    )
    add_noise: bool | None = field(
        default=None,
        validator=optional(instance_of(bool)),
        metadata={"help": "Whether the second pass starts from noise."},
    )
    sound: Literal["first", "second"] | None = field(
        default=None, metadata={"help": "Which pass's sound is heard; null is the preset's choice."}
    )
    lora_strength: float | None = _strength(
        "Strength of the LoRA at lora_path in the second pass; null is the preset's choice."
    )


@frozen(kw_only=True)
class LTX2DenoisePresetOverride:
    """The first pass as a pipeline is built with it, under ``preset_overrides.denoise``.

    ``lora_strength``: how strongly the LoRA at ``lora_path`` counts in this pass, of recipes where
    it is on there; None is the preset's choice.
    """

    lora_strength: float | None = _strength(
        "Strength of the LoRA at lora_path in the first pass; null is the preset's choice."
    )


@frozen(kw_only=True)
class LTX2RefineStageOverride(LTX2LoopOptions):
    """The second pass of one request, under ``stage_overrides.refine``. None: the preset's choice.

    - ``num_inference_steps``: 3, the official schedule, or 2, which leaves one level out.
    - ``image_crf``: of still images at the full size; None is what the first pass had.
    - ``video_position_offset_sec``: seconds by which the video's time positions shift forward; None
      is the take's own clock.
    """

    num_inference_steps: int | None = field(
        default=None,
        validator=optional(in_((2, 3))),
        metadata={"help": "Steps of the second pass: 3, or 2 for the reduced schedule."},
    )
    guidance_scale: float | None = field(
        default=None,
        validator=_SCALE,
        metadata={"help": "Text guidance of both streams in the second pass; 1 is off."},
    )
    image_crf: int | None = field(
        default=None,
        validator=_CRF,
        metadata={"help": "H.264 quality of still images; null is what the first pass had."},
    )
    video_position_offset_sec: float | None = field(
        default=None,
        validator=lt.between(0.0, 3600.0),
        metadata={"help": "Seconds by which the video's positions shift; null is the clock's."},
    )


def refine_override_to_dict(
    override: LTX2RefinePresetOverride | LTX2RefineStageOverride,
) -> dict[str, Any]:
    """The fields that were set; those left at None are dropped."""
    return {name: value for name, value in asdict(override).items() if value is not None}
