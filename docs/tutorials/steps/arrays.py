"""Step 5: an array in the state, whose class and stage are named and not imported."""

from __future__ import annotations

from typing import Any

import longtake as lt

GRAINS = "docs.tutorials.steps.grains"


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    size = {"seed": 0, "height": 64, "width": 96, "num_frames": 49, "fps": 24}
    codec: lt.AttrsCodec[Any] = lt.AttrsCodec("grain.v1", f"{GRAINS}:GrainState")
    return [lt.ModelFamily("grain", (f"{GRAINS}:drift",), defaults=size, codecs=(codec,))]
