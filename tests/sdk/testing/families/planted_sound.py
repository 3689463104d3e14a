"""A family on the SDK's clock whose sound is one sample short: nothing that an ear would notice."""

from __future__ import annotations

from attrs import frozen

import longtake as lt

RATE = 8000


@frozen(kw_only=True)
class HumState(lt.TakeState):
    """Nothing but the place in the take."""


def hum(job: lt.Job, span: lt.TakeSpan) -> tuple[lt.Frames, lt.Waveform, HumState]:
    import numpy as np

    frames = np.zeros((span.num_frames, span.height, span.width, 3), np.uint8)
    sound = np.zeros((1, span.num_samples(RATE) - 1), np.float32)
    return lt.Frames(frames), lt.Waveform(sound, RATE), HumState(span=span)


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    sizes = {"seed": 0, "height": 8, "width": 8, "num_frames": 25, "fps": 24}
    codec = lt.AttrsCodec("hum.v1", HumState)
    return [lt.ModelFamily("hum", (hum,), defaults=sizes, codecs=(codec,))]
