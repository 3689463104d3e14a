"""What a request may say of the stages beside the loop, and what a pipeline is built with."""

from __future__ import annotations

from typing import Any, Literal

from attrs import Attribute, asdict, field, frozen
from attrs.validators import and_, deep_iterable, in_, instance_of, max_len, min_len, optional

import longtake as lt
from longtake_ltx2.stage_overrides.loops import LTX2LoopOptions

__all__ = [
    "LTX2DecoderPresetOverride",
    "LTX2DenoisePresetOverride",
    "LTX2EnhanceOptions",
    "LTX2PreparationOptions",
    "LTX2RefinePresetOverride",
    "LTX2RefineStageOverride",
    "refine_override_to_dict",
]

_SCALE = lt.between(-1000.0, 1000.0)
_CRF = lt.between(0, 51)
_FRAME = lt.between(0)
_LONGEST_INSTRUCTIONS = 20_000
_MOST_SLOTS = 64


def _of_some_slots(instance: object, attribute: Attribute[Any], value: tuple[int, ...]) -> None:
    if len(value) > _MOST_SLOTS:
        raise lt.ValidationError(attribute.name, f"has {len(value)}; at most {_MOST_SLOTS}")


def _strength(text: str) -> Any:
    return field(default=None, validator=_SCALE, metadata={"help": text})


def _of_some_length(instance: object, attribute: Attribute[Any], value: str) -> None:
    if not 1 <= len(value) <= _LONGEST_INSTRUCTIONS:
        allowed = f"1 to {_LONGEST_INSTRUCTIONS}"
        raise lt.ValidationError(attribute.name, f"has {len(value)} characters; {allowed}")


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
        validator=optional(
            and_(instance_of(str), _of_some_length, min_len(1), max_len(_LONGEST_INSTRUCTIONS))
        ),
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
    its ends, or at these ``keyframe_slot_frames``; in the first pass, by networks of 2.5. The
    segment attends to them, and they come out as `longtake.Stills`.
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
        validator=and_(_of_some_slots, max_len(_MOST_SLOTS), lt.unique(), deep_iterable(_FRAME)),
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
