"""An extension of LTX-2 for Longtake: each picture gets a bright mark in its corner."""

from __future__ import annotations

import longtake as lt

STAGES = "longtake_untitled_extension.stages"


@lt.hookimpl
def longtake_extensions() -> list[lt.Extension]:
    stage = lt.StageSpec("untitled", f"{STAGES}:mark", options=f"{STAGES}:UntitledOptions")
    preset = lt.Preset(
        "untitled",
        base="ltx2_distilled",
        edits=(lt.RecipeEdit.after("decode_video", stage),),
        description="the distilled checkpoints, with a mark in the corner",
    )
    return [lt.Extension("ltx2", presets=(preset,), requires=">=0.1,<0.2")]
