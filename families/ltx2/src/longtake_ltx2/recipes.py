"""How a segment comes about, stage by stage, and how a take ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import longtake as lt
from longtake_ltx2.denoising.schedule import DISTILLED_SIGMAS, INPAINT_SIGMAS, REFINE_SIGMAS

if TYPE_CHECKING:
    from longtake_ltx2.conditioning.given_whole import GivenStream
    from longtake_ltx2.stage_overrides import (
        LTX2DecoderPresetOverride,
        LTX2DenoisePresetOverride,
        LTX2RefinePresetOverride,
    )
    from longtake_ltx2.stage_overrides.loops import SamplerName

__all__ = [
    "BASE_RECIPE",
    "DISTILLED_RECIPE",
    "FINISH_RECIPE",
    "LORA_STAGE",
    "audio_to_video_recipe",
    "base_recipe",
    "distilled_recipe",
    "dub_recipe",
    "guided_two_stage_recipe",
    "hq_recipe",
    "inpaint_recipe",
    "keyframes_recipe",
    "reference_recipe",
    "two_stage_recipe",
    "video_to_audio_recipe",
]

_STAGES = "longtake_ltx2.stages"
_OPTIONS = "longtake_ltx2.stage_overrides"

_VALIDATE = lt.StageSpec(
    "validate", f"{_STAGES}.validation:InputValidationStage", arguments={"given": None}
)
_ENCODE_TEXT = lt.StageSpec("encode_text", f"{_STAGES}.text_encoding:LTX2TextEncodingStage")
_ENHANCE = lt.StageSpec(
    "enhance",
    f"{_STAGES}.prompt_enhancing:LTX2PromptEnhancingStage",
    options=f"{_OPTIONS}:LTX2EnhanceOptions",
)
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
LORA_STAGE = f"{_STAGES}.refine_lora:LTX2RefineLoRAStage"
"""It has the LoRA at ``lora_path`` on for its pass, as strongly as its argument ``strength``."""
_HQ_STRENGTHS = (0.25, 0.5)
"""Of the distilled LoRA in the first pass and in the second one (ltx-pipelines)."""
_DENOISE_HQ = _DENOISE.evolve(arguments={"sampler": "res_2s", "counts_tokens": True})
_DENOISE_FOLLOWING = _DENOISE.evolve(arguments={"sigmas_override": DISTILLED_SIGMAS})
_DECODE_AUDIO = lt.StageSpec("decode_audio", f"{_STAGES}.audio_decoding:LTX2AudioDecodingStage")
_DECODE_VIDEO = lt.StageSpec("decode_video", f"{_STAGES}.decoding:DecodingStage")
_REMEMBER = lt.StageSpec("remember", f"{_STAGES}.remembering:LTX2RememberingStage")
_AFTER = (_DECODE_AUDIO, _DECODE_VIDEO, _REMEMBER)
_HALF = 2
"""By what the first of two passes divides the picture's sides."""
_PREPARE_HALF = _PREPARE.evolve(arguments={"scale": _HALF})
_REMEMBER_BOTH = _REMEMBER.evolve(arguments={"scales": (_HALF, 1)})
_KEEP_SOUND = lt.StageSpec("keep_sound", f"{_STAGES}.first_sound:LTX2KeepSoundStage")
_BLEND = lt.StageSpec(
    "blend", f"{_STAGES}.blending:LTX2BlendingStage", options=f"{_OPTIONS}:LTX2BlendOptions"
)
_FIRST_SOUND = lt.StageSpec("first_sound", f"{_STAGES}.first_sound:LTX2FirstSoundStage")
_BEFORE = (_VALIDATE, _ENHANCE, _ENCODE_TEXT, _PREPARE)

BASE_RECIPE = (*_BEFORE, _DENOISE, *_AFTER)
DISTILLED_RECIPE = (*_BEFORE, _DENOISE_DISTILLED, *_AFTER)
FINISH_RECIPE = (lt.StageSpec("finish", f"{_STAGES}.finishing:LTX2FinishingStage"),)


def base_recipe(*, decode_video: LTX2DecoderPresetOverride) -> lt.Recipe:
    """All guidance terms, and the decoder that was chosen."""
    return (*_BEFORE, _DENOISE, *_after(decode_video))


def distilled_recipe(*, decode_video: LTX2DecoderPresetOverride) -> lt.Recipe:
    """The distilled schedule, and the decoder that was chosen."""
    return (*_BEFORE, _DENOISE_DISTILLED, *_after(decode_video))


def two_stage_recipe(
    *, refine: LTX2RefinePresetOverride, decode_video: LTX2DecoderPresetOverride
) -> lt.Recipe:
    """A distilled pass at half size, the double size in latent space, and a short second pass."""
    if refine.enabled is False:
        return distilled_recipe(decode_video=decode_video)
    keeps_first = refine.sound == "first"
    second = _second_pass(refine, num_steps=2)
    return _two_passes((_DENOISE_DISTILLED,), second, decode_video, keeps_first_sound=keeps_first)


def guided_two_stage_recipe(
    *, refine: LTX2RefinePresetOverride, decode_video: LTX2DecoderPresetOverride
) -> lt.Recipe:
    """The first pass with all guidance terms; its sound is heard (``ti2vid_two_stages``)."""
    return _guided_twice(refine, decode_video, keeps_first_sound=refine.sound != "second")


def keyframes_recipe(
    *, refine: LTX2RefinePresetOverride, decode_video: LTX2DecoderPresetOverride
) -> lt.Recipe:
    """The same, but the second pass's sound is heard (``keyframe_interpolation``)."""
    return _guided_twice(refine, decode_video, keeps_first_sound=refine.sound == "first")


def audio_to_video_recipe(
    *, refine: LTX2RefinePresetOverride, decode_video: LTX2DecoderPresetOverride
) -> lt.Recipe:
    """A picture to a sound that a request brings whole, in two passes (``a2vid_two_stage``)."""
    return _given("audio", _guided_twice(refine, decode_video, keeps_first_sound=False))


def video_to_audio_recipe(*, decode_video: LTX2DecoderPresetOverride) -> lt.Recipe:
    """A sound to a picture that a request brings whole, in one pass."""
    return _given("video", base_recipe(decode_video=decode_video))


def _given(stream: GivenStream, recipe: lt.Recipe) -> lt.Recipe:
    """Requests without all of the stream are refused."""
    first, *others = recipe
    return (first.evolve(arguments={"given": stream}), *others)


def _guided_twice(
    refine: LTX2RefinePresetOverride,
    decode_video: LTX2DecoderPresetOverride,
    *,
    keeps_first_sound: bool,
) -> lt.Recipe:
    if refine.enabled is False:
        return base_recipe(decode_video=decode_video)
    second = _second_pass(refine, num_steps=3)
    return _two_passes((_DENOISE,), second, decode_video, keeps_first_sound=keeps_first_sound)


def hq_recipe(
    *,
    denoise: LTX2DenoisePresetOverride,
    refine: LTX2RefinePresetOverride,
    decode_video: LTX2DecoderPresetOverride,
) -> lt.Recipe:
    """Fewer steps of second order in both passes, the LoRA on in both (``ti2vid_two_stages_hq``).

    Guided in the first pass, whose sound is heard, down levels for the tokens that there are.
    """
    first = (_lora_on(_DENOISE_HQ, denoise.lora_strength, _HQ_STRENGTHS[0]), _DENOISE_HQ)
    if refine.enabled is False:
        return (*_BEFORE, *first, *_after(decode_video))
    keeps_first = refine.sound != "second"
    second = _second_pass(refine, num_steps=3, strength=_HQ_STRENGTHS[1], sampler="res_2s")
    return _two_passes(first, second, decode_video, keeps_first_sound=keeps_first)


def reference_recipe(
    *,
    denoise: LTX2DenoisePresetOverride,
    refine: LTX2RefinePresetOverride,
    decode_video: LTX2DecoderPresetOverride,
) -> lt.Recipe:
    """Two distilled passes of which the first follows a video, with its LoRA on (``ic_lora``).

    The second pass has the LoRA on only where its strength there is said.
    """
    first = (_lora_on(_DENOISE_FOLLOWING, denoise.lora_strength, 1.0), _DENOISE_FOLLOWING)
    if refine.enabled is False:
        return (*_BEFORE, *first, *_after(decode_video))
    keeps_first = refine.sound == "first"
    second = _second_pass(refine, num_steps=3, strength=None)
    return _two_passes(first, second, decode_video, keeps_first_sound=keeps_first)


def dub_recipe(
    *,
    denoise: LTX2DenoisePresetOverride,
    refine: LTX2RefinePresetOverride,
    decode_video: LTX2DecoderPresetOverride,
) -> lt.Recipe:
    """Both passes follow a video, with the LoRA on, and a voice in the first one (``dubit``).

    The second pass keeps the first one's sound, which is then the voice, too.
    """
    first = (_lora_on(_DENOISE_FOLLOWING, denoise.lora_strength, 1.0), _DENOISE_FOLLOWING)
    if refine.enabled is False:
        return (*_BEFORE, *first, *_after(decode_video))
    second = _second_pass(refine, num_steps=3, dubs=True)
    return _two_passes(first, second, decode_video, keeps_first_sound=False)


def inpaint_recipe(
    *,
    denoise: LTX2DenoisePresetOverride,
    refine: LTX2RefinePresetOverride,
    decode_video: LTX2DecoderPresetOverride,
) -> lt.Recipe:
    """The first of two distilled passes follows a clip that is painted over, the LoRA on in both.

    What they make is blended into the clip. Levels and strengths are those of Lightricks' graphs.
    """
    first = (_lora_on(_DENOISE_FOLLOWING, denoise.lora_strength, 1.0), _DENOISE_FOLLOWING)
    recipe: lt.Recipe = (*_BEFORE, *first, *_after(decode_video))
    if refine.enabled is not False:
        keeps = refine.sound == "first"
        second = _second_pass(refine, num_steps=2, sigmas=INPAINT_SIGMAS)
        recipe = _two_passes(first, second, decode_video, keeps_first_sound=keeps)
    return (*recipe[:-1], _BLEND, recipe[-1])


def _lora_on(first: lt.StageSpec, asked: float | None, strength: float) -> lt.StageSpec:
    """A stage under the same name that has the LoRA on for the pass."""
    chosen = strength if asked is None else asked
    return lt.StageSpec(
        first.name, LORA_STAGE, options=first.options, arguments={"strength": chosen}
    )


def _two_passes(
    first: lt.Recipe,
    second: lt.Recipe,
    decode_video: LTX2DecoderPresetOverride,
    *,
    keeps_first_sound: bool,
) -> lt.Recipe:
    return (
        _VALIDATE,
        lt.StageSpec("halve", f"{_STAGES}.refine_init:LTX2RefineInitStage"),
        _ENHANCE,
        _ENCODE_TEXT,
        _PREPARE_HALF,
        *first,
        *((_KEEP_SOUND, *second, _FIRST_SOUND) if keeps_first_sound else second),
        *_after(decode_video)[:-1],
        _REMEMBER_BOTH,
    )


def _after(chosen: LTX2DecoderPresetOverride) -> lt.Recipe:
    if chosen.decoder != "diffusion":
        return _AFTER
    decode = f"{_STAGES}.diffusion_decoding:LTX2DiffusionDecodingStage"
    return (_DECODE_AUDIO, lt.StageSpec("decode_video", decode), _REMEMBER)


def _second_pass(
    refine: LTX2RefinePresetOverride,
    *,
    num_steps: int,
    strength: float | None = 1.0,
    sampler: SamplerName | None = None,
    sigmas: Sequence[float] = REFINE_SIGMAS,
    dubs: bool = False,
) -> lt.Recipe:
    """``strength``: of the LoRA at ``lora_path``; None where the pass is without it.

    ``dubs``: as of the stage that begins it.
    """
    shared: dict[str, Any] = {
        "options": f"{_OPTIONS}:LTX2RefineStageOverride",
        "follows_sampling": False,
    }
    noise: dict[str, Any] = {"sigmas": sigmas, "add_noise": refine.add_noise is not False}
    if dubs:
        noise["dubs"] = True
    chosen = strength if refine.lora_strength is None else refine.lora_strength
    return (
        lt.StageSpec(
            "refine", f"{_STAGES}.upsampling:LTX2UpsampleStage", arguments=noise, **shared
        ),
        *(
            ()
            if chosen is None
            else (lt.StageSpec("refine", LORA_STAGE, arguments={"strength": chosen}, **shared),)
        ),
        lt.StageSpec(
            "refine",
            _DENOISING,
            arguments={"sigmas_override": sigmas, "sampler": sampler},
            defaults={"num_inference_steps": num_steps, "guidance_scale": 1.0},
            **shared,
        ),
    )
