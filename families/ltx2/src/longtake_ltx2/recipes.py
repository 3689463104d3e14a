"""How a segment comes about, stage by stage, and how a take ends."""

from __future__ import annotations

import longtake as lt
from longtake_ltx2.schedule import DISTILLED_SIGMAS

__all__ = ["BASE_RECIPE", "DISTILLED_RECIPE", "FINISH_RECIPE"]

_STAGES = "longtake_ltx2.stages"
_OPTIONS = "longtake_ltx2.overrides:LTX2DenoiseOptions"

_BEFORE = (
    lt.StageSpec("validate", f"{_STAGES}.validation:InputValidationStage"),
    lt.StageSpec("encode_text", f"{_STAGES}.text_encoding:LTX2TextEncodingStage"),
    lt.StageSpec("prepare", f"{_STAGES}.latent_preparation:LTX2LatentPreparationStage"),
)
_AFTER = (
    lt.StageSpec("decode_audio", f"{_STAGES}.audio_decoding:LTX2AudioDecodingStage"),
    lt.StageSpec("decode_video", f"{_STAGES}.decoding:DecodingStage"),
    lt.StageSpec("remember", f"{_STAGES}.remembering:LTX2RememberingStage"),
)
_DENOISING = f"{_STAGES}.denoising:LTX2DenoisingStage"

BASE_RECIPE = (
    *_BEFORE,
    lt.StageSpec("denoise", _DENOISING, options=_OPTIONS),
    *_AFTER,
)
DISTILLED_RECIPE = (
    *_BEFORE,
    lt.StageSpec(
        "denoise",
        _DENOISING,
        options=_OPTIONS,
        arguments={"sigmas_override": DISTILLED_SIGMAS},
    ),
    *_AFTER,
)
FINISH_RECIPE = (lt.StageSpec("finish", f"{_STAGES}.finishing:LTX2FinishingStage"),)
