"""What a request may override in LTX-2's stages, and what may be set when a pipeline is built."""

from __future__ import annotations

from longtake_ltx2.stage_overrides.guiding import LTX2GuidanceLevel, LTX2Nag
from longtake_ltx2.stage_overrides.loops import (
    LTX2DenoiseOptions,
    LTX2LoopOptions,
    SamplerName,
    StepNoise,
)
from longtake_ltx2.stage_overrides.stages import (
    LTX2DecoderPresetOverride,
    LTX2DenoisePresetOverride,
    LTX2EnhanceOptions,
    LTX2PreparationOptions,
    LTX2RefinePresetOverride,
    LTX2RefineStageOverride,
    refine_override_to_dict,
)

__all__ = [
    "LTX2DecoderPresetOverride",
    "LTX2DenoiseOptions",
    "LTX2DenoisePresetOverride",
    "LTX2EnhanceOptions",
    "LTX2GuidanceLevel",
    "LTX2LoopOptions",
    "LTX2Nag",
    "LTX2PreparationOptions",
    "LTX2RefinePresetOverride",
    "LTX2RefineStageOverride",
    "SamplerName",
    "StepNoise",
    "refine_override_to_dict",
]
