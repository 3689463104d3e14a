"""What the tutorial adds to LTX-2: a watermark, a quick decoder, presets and a command."""

from __future__ import annotations

import longtake as lt

LONGTAKE_API = ">=1,<2"

MARK = lt.StageSpec(
    "watermark",
    "longtake_marks.watermark:Watermark",
    options="longtake_marks.watermark:WatermarkOptions",
)
DRAFT = lt.StageSpec("decode_video", "longtake_marks.draft:decode_draft")


@lt.hookimpl
def longtake_extensions() -> list[lt.Extension]:
    marked = lt.Preset(
        "marked",
        base="ltx2_distilled",
        edits=(lt.RecipeEdit.after("decode_video", MARK),),
        description="the distilled checkpoints, with a watermark",
    )
    draft = lt.Preset(
        "marked_draft",
        base="marked",
        edits=(lt.RecipeEdit.replace("decode_video", DRAFT),),
        description="the same, decoded in no time and without detail",
    )
    return [
        lt.Extension(
            "ltx2",
            presets=(marked, draft),
            options="longtake_marks.watermark:LoadOptions",
            components={"watermark": "longtake_marks.watermark:load_watermark"},
            requires=">=0.1,<0.2",
        )
    ]


@lt.hookimpl
def longtake_commands() -> list[lt.Command]:
    return [
        lt.Command("mark", "longtake_marks.command:mark", help="Show the watermark of a preset.")
    ]
