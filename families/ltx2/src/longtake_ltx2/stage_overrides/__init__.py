"""What a request may override in LTX-2's stages, and what may be set when a pipeline is built.

Imported when first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longtake_ltx2.stage_overrides.blending import LTX2BlendOptions
    from longtake_ltx2.stage_overrides.guiding import LTX2GuidanceLevel, LTX2Nag
    from longtake_ltx2.stage_overrides.loops import LTX2DenoiseOptions, LTX2LoopOptions
    from longtake_ltx2.stage_overrides.stages import (
        LTX2DecoderPresetOverride,
        LTX2DenoisePresetOverride,
        LTX2EnhanceOptions,
        LTX2PreparationOptions,
        LTX2RefinePresetOverride,
        LTX2RefineStageOverride,
        refine_override_to_dict,
    )
else:
    _HOMES = {
        "LTX2BlendOptions": "blending",
        "LTX2DecoderPresetOverride": "stages",
        "LTX2DenoiseOptions": "loops",
        "LTX2DenoisePresetOverride": "stages",
        "LTX2EnhanceOptions": "stages",
        "LTX2GuidanceLevel": "guiding",
        "LTX2LoopOptions": "loops",
        "LTX2Nag": "guiding",
        "LTX2PreparationOptions": "stages",
        "LTX2RefinePresetOverride": "stages",
        "LTX2RefineStageOverride": "stages",
        "refine_override_to_dict": "stages",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "LTX2BlendOptions",
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
    "refine_override_to_dict",
]
