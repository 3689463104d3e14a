"""The stages of LTX-2, each a step of the recipe; imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtake_ltx2.stages.audio_decoding import LTX2AudioDecodingStage
    from longtake_ltx2.stages.blending import LTX2BlendingStage
    from longtake_ltx2.stages.decoding import DecodingStage
    from longtake_ltx2.stages.denoising import LTX2DenoisingStage
    from longtake_ltx2.stages.diffusion_decoding import LTX2DiffusionDecodingStage
    from longtake_ltx2.stages.finishing import LTX2FinishingStage
    from longtake_ltx2.stages.first_sound import LTX2FirstSoundStage, LTX2KeepSoundStage
    from longtake_ltx2.stages.latent_preparation import LTX2LatentPreparationStage
    from longtake_ltx2.stages.prompt_enhancing import LTX2PromptEnhancingStage
    from longtake_ltx2.stages.refine_init import LTX2RefineInitStage
    from longtake_ltx2.stages.refine_lora import LTX2RefineLoRAStage
    from longtake_ltx2.stages.remembering import LTX2RememberingStage
    from longtake_ltx2.stages.text_encoding import LTX2TextEncodingStage
    from longtake_ltx2.stages.upsampling import LTX2UpsampleStage
    from longtake_ltx2.stages.validation import InputValidationStage
else:
    _HOMES = {
        "DecodingStage": "decoding",
        "InputValidationStage": "validation",
        "LTX2AudioDecodingStage": "audio_decoding",
        "LTX2BlendingStage": "blending",
        "LTX2DenoisingStage": "denoising",
        "LTX2DiffusionDecodingStage": "diffusion_decoding",
        "LTX2FinishingStage": "finishing",
        "LTX2FirstSoundStage": "first_sound",
        "LTX2KeepSoundStage": "first_sound",
        "LTX2LatentPreparationStage": "latent_preparation",
        "LTX2PromptEnhancingStage": "prompt_enhancing",
        "LTX2RefineLoRAStage": "refine_lora",
        "LTX2RefineInitStage": "refine_init",
        "LTX2UpsampleStage": "upsampling",
        "LTX2RememberingStage": "remembering",
        "LTX2TextEncodingStage": "text_encoding",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "DecodingStage",
    "InputValidationStage",
    "LTX2AudioDecodingStage",
    "LTX2BlendingStage",
    "LTX2DenoisingStage",
    "LTX2DiffusionDecodingStage",
    "LTX2FinishingStage",
    "LTX2FirstSoundStage",
    "LTX2KeepSoundStage",
    "LTX2LatentPreparationStage",
    "LTX2PromptEnhancingStage",
    "LTX2RefineInitStage",
    "LTX2RefineLoRAStage",
    "LTX2RememberingStage",
    "LTX2TextEncodingStage",
    "LTX2UpsampleStage",
]
