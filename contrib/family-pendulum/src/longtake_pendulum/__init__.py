"""Swinging pendulums for Longtake: a family without weights that can be looked at and measured.

Importing this package imports nothing heavy.
"""

from __future__ import annotations

from typing import Any

import longtake as lt

__all__ = ["LONGTAKE_API", "longtake_families"]

__version__ = "0.1.0"

LONGTAKE_API = ">=1,<2"


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    return [_pendulum()]


def _pendulum() -> lt.ModelFamily:
    from longtake_pendulum.kinds import with_strikes, without_strikes

    struck: lt.AttrsCodec[Any] = lt.AttrsCodec(
        "pendulum.v2", "longtake_pendulum.state:PendulumState", blob_from=0
    )
    drone = struck.older("pendulum.v1", upgrade=with_strikes, downgrade=without_strikes)
    return lt.ModelFamily(
        "pendulum",
        (
            lt.StageSpec(
                "simulate",
                "longtake_pendulum.stages:Simulate",
                options="longtake_pendulum.options:MotionOptions",
            ),
            lt.StageSpec("draw", "longtake_pendulum.stages:draw"),
            lt.StageSpec(
                "sing",
                "longtake_pendulum.stages:sing",
                options="longtake_pendulum.options:ToneOptions",
            ),
            lt.StageSpec("remember", "longtake_pendulum.stages:remember"),
        ),
        presets=(lt.Preset("swing", description="Five pendulums, 2 s more with each segment"),),
        defaults={"seed": 0, "height": 288, "width": 512, "num_frames": 69, "fps": 30},
        finish=("longtake_pendulum.stages:ring_out",),
        codecs=(struck, drone),
        description="Coupled pendulums with a tone each: exact motion, no weights",
    )
