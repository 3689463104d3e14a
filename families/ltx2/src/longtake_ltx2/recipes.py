"""How a segment comes about, stage by stage, and how a take ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

import longtake as lt
from longtake_ltx2.denoising.schedule import DISTILLED_SIGMAS, REFINE_SIGMAS

if TYPE_CHECKING:
    from longtake_ltx2.stage_overrides import LTX2DecoderPresetOverride, LTX2RefinePresetOverride

__all__ = [
    "BASE_RECIPE",
    "DISTILLED_RECIPE",
    "FINISH_RECIPE",
    "base_recipe",
    "distilled_recipe",
    "two_stage_recipe",
]

_STAGES = "longtake_ltx2.stages"
_OPTIONS = "longtake_ltx2.stage_overrides"

_VALIDATE = lt.StageSpec("validate", f"{_STAGES}.validation:InputValidationStage")
_ENCODE_TEXT = lt.StageSpec("encode_text", f"{_STAGES}.text_encoding:LTX2TextEncodingStage")
_PREPARE = lt.StageSpec(
    "prepare",
    f"{_STAGES}.latent_preparation:LTX2LatentPreparationStage",
    options=f"{_OPTIONS}:LTX2PreparationOptions",
)
_DENOISING = f"{_STAGES}.denoising:LTX2DenoisingStage"
_DENOISE = lt.StageSpec("denoise", _DENOISING, options=f"{_OPTIONS}:LTX2DenoiseOptions")
_DENOISE_DISTILLED = lt.StageSpec(
    "denoise",
    _DENOISING,
    options=f"{_OPTIONS}:LTX2DenoiseOptions",
    arguments={"sigmas_override": DISTILLED_SIGMAS, "is_distilled": True},
)
_DECODE_AUDIO = lt.StageSpec("decode_audio", f"{_STAGES}.audio_decoding:LTX2AudioDecodingStage")
_DECODE_VIDEO = lt.StageSpec("decode_video", f"{_STAGES}.decoding:DecodingStage")
_REMEMBER = lt.StageSpec("remember", f"{_STAGES}.remembering:LTX2RememberingStage")
_AFTER = (_DECODE_AUDIO, _DECODE_VIDEO, _REMEMBER)
_HALF = 2
"""By what the first of two passes divides the picture's sides."""
_PREPARE_HALF = evolve(_PREPARE, arguments={"scale": _HALF})
_REMEMBER_BOTH = evolve(_REMEMBER, arguments={"scales": (_HALF, 1)})
_BEFORE = (_VALIDATE, _ENCODE_TEXT, _PREPARE)

BASE_RECIPE = (*_BEFORE, _DENOISE, *_AFTER)
DISTILLED_RECIPE = (*_BEFORE, _DENOISE_DISTILLED, *_AFTER)
FINISH_RECIPE = (lt.StageSpec("finish", f"{_STAGES}.finishing:LTX2FinishingStage"),)

_REFINE_DEFAULTS = {"num_inference_steps": 2, "guidance_scale": 1.0}


def base_recipe(*, decode_video: LTX2DecoderPresetOverride) -> lt.Recipe:
    """All guidance terms, and the decoder that was chosen."""
    return (*_BEFORE, _DENOISE, *_after(decode_video))


def distilled_recipe(*, decode_video: LTX2DecoderPresetOverride) -> lt.Recipe:
    """The distilled schedule, and the decoder that was chosen."""
    return (*_BEFORE, _DENOISE_DISTILLED, *_after(decode_video))


def two_stage_recipe(
    *, refine: LTX2RefinePresetOverride, decode_video: LTX2DecoderPresetOverride
) -> lt.Recipe:
    """A pass at half size, the double size in latent space, and a short second pass."""
    if refine.enabled is False:
        return distilled_recipe(decode_video=decode_video)
    return (
        _VALIDATE,
        lt.StageSpec("halve", f"{_STAGES}.refine_init:LTX2RefineInitStage"),
        _ENCODE_TEXT,
        _PREPARE_HALF,
        _DENOISE_DISTILLED,
        *_second_pass(add_noise=refine.add_noise is not False),
        *_after(decode_video)[:-1],
        _REMEMBER_BOTH,
    )


def _after(chosen: LTX2DecoderPresetOverride) -> lt.Recipe:
    if chosen.decoder != "diffusion":
        return _AFTER
    decode = f"{_STAGES}.diffusion_decoding:LTX2DiffusionDecodingStage"
    return (_DECODE_AUDIO, lt.StageSpec("decode_video", decode), _REMEMBER)


def _second_pass(*, add_noise: bool) -> lt.Recipe:
    options = f"{_OPTIONS}:LTX2RefineStageOverride"
    return (
        lt.StageSpec(
            "refine",
            f"{_STAGES}.upsampling:LTX2UpsampleStage",
            options=options,
            arguments={"sigmas": REFINE_SIGMAS, "add_noise": add_noise},
            follows_sampling=False,
        ),
        lt.StageSpec(
            "refine",
            f"{_STAGES}.refine_lora:LTX2RefineLoRAStage",
            options=options,
            follows_sampling=False,
        ),
        lt.StageSpec(
            "refine",
            _DENOISING,
            options=options,
            arguments={"sigmas_override": REFINE_SIGMAS},
            follows_sampling=False,
            defaults=_REFINE_DEFAULTS,
        ),
    )
