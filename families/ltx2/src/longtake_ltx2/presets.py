"""The presets of LTX-2: defaults that go together, by name and version."""

from __future__ import annotations

from typing import Any

import longtake as lt
from longtake_ltx2.recipes import DISTILLED_RECIPE

__all__ = ["PRESETS"]

_LONG_NEGATIVE_PROMPT = lt.Reference("diffusers.pipelines.ltx2.utils:DEFAULT_NEGATIVE_PROMPT")
_FULL_GUIDANCE = {
    "audio_guidance_scale": 7.0,
    "stg_scale": 1.0,
    "audio_stg_scale": 1.0,
    "modality_scale": 3.0,
    "audio_modality_scale": 3.0,
    "guidance_rescale": 0.7,
    "audio_guidance_rescale": 0.7,
}
_BASE = {
    "seed": 10,
    "height": 512,
    "width": 768,
    "num_frames": 121,
    "fps": 24,
    "negative_prompt": _LONG_NEGATIVE_PROMPT,
    "guidance_scale": 3.0,
}
_DISTILLED = {
    "seed": 10,
    "height": 1024,
    "width": 1536,
    "num_frames": 121,
    "fps": 24,
    "num_inference_steps": 8,
    "guidance_scale": 1.0,
}
_GUIDED_TWICE = {
    **_BASE,
    "height": 1024,
    "width": 1536,
    "negative_prompt": lt.Reference(
        "longtake_ltx2.conditioning.negative_prompt:OFFICIAL_NEGATIVE_PROMPT"
    ),
}
_HQ = {
    **_GUIDED_TWICE,
    "height": 1088,
    "width": 1920,
    "num_inference_steps": 15,
}
_HQ_GUIDANCE = {
    "audio_guidance_scale": 7.0,
    "modality_scale": 3.0,
    "audio_modality_scale": 3.0,
    "guidance_rescale": 0.45,
    "audio_guidance_rescale": 1.0,
}
_FIXED_WRITING: dict[str, Any] = {"stage_defaults": {"enhance": {"seed": 42}}}
"""As ltx-pipelines' distilled pipeline has it, whatever a request's seed is."""
_DECODER = {"decode_video": "longtake_ltx2.stage_overrides:LTX2DecoderPresetOverride"}
_TWO_STAGES_GUIDED: dict[str, Any] = {
    "stages": "longtake_ltx2.recipes:guided_two_stage_recipe",
    "overrides": {
        "refine": "longtake_ltx2.stage_overrides:LTX2RefinePresetOverride",
        **_DECODER,
    },
}
_LORA_IN_FIRST = {
    "denoise": "longtake_ltx2.stage_overrides:LTX2DenoisePresetOverride",
    **_TWO_STAGES_GUIDED["overrides"],
}
_KEYFRAMES: dict[str, Any] = {
    **_TWO_STAGES_GUIDED,
    "stages": "longtake_ltx2.recipes:keyframes_recipe",
}
_TO_SOUND: dict[str, Any] = {
    **_TWO_STAGES_GUIDED,
    "stages": "longtake_ltx2.recipes:audio_to_video_recipe",
}
_TO_PICTURE: dict[str, Any] = {
    "stages": "longtake_ltx2.recipes:video_to_audio_recipe",
    "overrides": _DECODER,
}
_APPENDED = {"prepare": {"append_first": True}}

PRESETS = (
    lt.Preset(
        "ltx2_base",
        description="LTX-2 with all guidance terms",
        defaults={**_BASE, "num_inference_steps": 40},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [29]}},
    ),
    lt.Preset(
        "ltx2_3_base",
        description="LTX-2.3 with all guidance terms",
        defaults={**_BASE, "num_inference_steps": 30},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [28]}},
    ),
    lt.Preset(
        "ltx2_distilled",
        description="the distilled checkpoints: eight steps, no guidance",
        defaults=_DISTILLED,
        **_FIXED_WRITING,
        stages=DISTILLED_RECIPE,
    ),
    lt.Preset(
        "ltx2_two_stage",
        description="the distilled checkpoints at half size, then refined at full size",
        defaults=_DISTILLED,
        **_FIXED_WRITING,
        stages="longtake_ltx2.recipes:two_stage_recipe",
        overrides={"refine": "longtake_ltx2.stage_overrides:LTX2RefinePresetOverride", **_DECODER},
    ),
    lt.Preset(
        "ltx2_two_stage_guided",
        description="LTX-2 with all guidance terms at half size, then refined at full size",
        defaults={**_GUIDED_TWICE, "num_inference_steps": 40},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [29]}},
        **_TWO_STAGES_GUIDED,
    ),
    lt.Preset(
        "ltx2_3_two_stage_guided",
        description="2.3 and 2.5 with all guidance terms at half size, then refined at full size",
        defaults={**_GUIDED_TWICE, "num_inference_steps": 30},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [28]}},
        **_TWO_STAGES_GUIDED,
    ),
    lt.Preset(
        "ltx2_hq",
        description="15 guided steps of second order at half size, then refined at full size",
        defaults=_HQ,
        stage_defaults={"denoise": _HQ_GUIDANCE},
        stages="longtake_ltx2.recipes:hq_recipe",
        overrides=_LORA_IN_FIRST,
    ),
    lt.Preset(
        "ltx2_reference",
        description="the distilled checkpoints, following a video by a LoRA; then refined",
        defaults=_DISTILLED,
        stages="longtake_ltx2.recipes:reference_recipe",
        overrides=_LORA_IN_FIRST,
    ),
    lt.Preset(
        "ltx2_dub",
        description="the distilled checkpoints, speaking anew in a video by a LoRA; then refined",
        defaults=_DISTILLED,
        stages="longtake_ltx2.recipes:dub_recipe",
        overrides=_LORA_IN_FIRST,
    ),
    lt.Preset(
        "ltx2_inpaint",
        description="the distilled checkpoints: places of a clip made anew by a LoRA, and blended",
        defaults=_DISTILLED,
        stages="longtake_ltx2.recipes:inpaint_recipe",
        overrides=_LORA_IN_FIRST,
    ),
    lt.Preset(
        "ltx2_keyframes",
        description="LTX-2 between images, all of them appended: guided at half size, then refined",
        defaults={**_GUIDED_TWICE, "num_inference_steps": 40},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [29]}, **_APPENDED},
        **_KEYFRAMES,
    ),
    lt.Preset(
        "ltx2_3_keyframes",
        description="2.3 and 2.5 between images, all appended: guided at half size, then refined",
        defaults={**_GUIDED_TWICE, "num_inference_steps": 30},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [28]}, **_APPENDED},
        **_KEYFRAMES,
    ),
    lt.Preset(
        "ltx2_audio_to_video",
        description="LTX-2's picture to a sound that is given: guided at half size, then refined",
        workload="audio-to-video",
        defaults={**_GUIDED_TWICE, "num_inference_steps": 40},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [29]}},
        **_TO_SOUND,
    ),
    lt.Preset(
        "ltx2_3_audio_to_video",
        description="2.3's and 2.5's picture to a sound that is given: guided, then refined",
        workload="audio-to-video",
        defaults={**_GUIDED_TWICE, "num_inference_steps": 30},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [28]}},
        **_TO_SOUND,
    ),
    lt.Preset(
        "ltx2_video_to_audio",
        description="LTX-2's sound to a picture that is given, guided, in one pass",
        workload="video-to-audio",
        defaults={**_BASE, "num_inference_steps": 40},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [29]}},
        **_TO_PICTURE,
    ),
    lt.Preset(
        "ltx2_3_video_to_audio",
        description="2.3's and 2.5's sound to a picture that is given, guided, in one pass",
        workload="video-to-audio",
        defaults={**_BASE, "num_inference_steps": 30},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [28]}},
        **_TO_PICTURE,
    ),
    lt.Preset(
        "ltx2_5_base",
        description="LTX-2.5's full transformer with all guidance terms",
        defaults={**_BASE, "num_inference_steps": 30},
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [28]}},
        stages="longtake_ltx2.recipes:base_recipe",
        overrides=_DECODER,
    ),
    lt.Preset(
        "ltx2_5_distilled",
        description="LTX-2.5's distilled transformer: eight steps, no guidance",
        defaults=_DISTILLED,
        **_FIXED_WRITING,
        stages="longtake_ltx2.recipes:distilled_recipe",
        overrides=_DECODER,
    ),
    lt.Preset(
        "ltx2_tiny",
        description="tiny random checkpoints: small and quick, every guidance term on",
        defaults={
            "seed": 10,
            "height": 64,
            "width": 96,
            "num_frames": 25,
            "fps": 24,
            "num_inference_steps": 4,
            "guidance_scale": 3.0,
        },
        stage_defaults={"denoise": {**_FULL_GUIDANCE, "stg_blocks": [1]}},
    ),
)
