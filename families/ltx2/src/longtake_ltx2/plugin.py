"""The plugin: LTX-2 as one family record. Imports nothing heavy."""

from __future__ import annotations

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationCodec, LTX2LatentsCodec
from longtake_ltx2.presets import PRESETS
from longtake_ltx2.recipes import BASE_RECIPE, FINISH_RECIPE

LONGTAKE_API = ">=1,<2"


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    return [
        lt.ModelFamily(
            "ltx2",
            BASE_RECIPE,
            finish=FINISH_RECIPE,
            presets=PRESETS,
            codecs=(LTX2ContinuationCodec(), LTX2LatentsCodec()),
            recognise="longtake_ltx2.checkpoints.recognising:recognise",
            load="longtake_ltx2.loading.model:load",
            options="longtake_ltx2.pipeline_configs:LTX2T2VConfig",
            example="longtake_ltx2.tiny:write_tiny_checkpoint",
            estimate="longtake_ltx2.estimating.run:estimate",
            check_sampling="longtake_ltx2.sizes:check_sampling",
            fit_clip="longtake_ltx2.sizes:fitted_to",
            place="longtake_ltx2.continuation.carried:place_segment",
            predict_num_frames="longtake_ltx2.duration:predicted_num_frames",
            published="longtake_ltx2.checkpoints.published:PUBLISHED",
            description="LTX-2: picture and sound together (Lightricks)",
        )
    ]


@lt.hookimpl
def longtake_commands() -> list[lt.Command]:
    return [
        lt.Command(
            "convert",
            "longtake_ltx2.loading.convert_command:convert_command",
            help="Write single files of LTX-2 as a folder in diffusers' layout.",
        )
    ]
