import longtake as lt
import numpy as np


def glow(job: lt.Job) -> tuple[lt.Frames, lt.Waveform]:
    dark = np.zeros((job.sampling.height, job.sampling.width, 3))
    light = np.linspace(dark, 255, job.sampling.num_frames).astype(np.uint8)
    tone = 0.2 * np.sin(np.arange(2000 * len(light)) / 35).astype(np.float32)[None]
    return lt.Frames(light), lt.Waveform(tone, 48000)


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    size = {"seed": 0, "height": 64, "width": 96, "num_frames": 49, "fps": 24}
    return [lt.ModelFamily("glow", (glow,), defaults=size)]
