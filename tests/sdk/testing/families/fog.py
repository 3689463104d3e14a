"""A family without weights as a plugin declares it: light here, arrays in its stages."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import attrs
from attrs import field, frozen

import longtake as lt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 2400
HELD_BACK = 4
"""Samples that a segment keeps back when another one follows."""

DEFAULTS = {"seed": 5, "height": 4, "width": 6, "num_frames": 17, "fps": 24}


@frozen
class FogState:
    """``frames``: how many the take has; ``overlap``: how many the next segment repeats."""

    segment_index: int = field(validator=lt.between(0, 2**40))
    seed: int = field(validator=lt.between(0, 2**64 - 1))
    height: int = field(validator=lt.between(1, 4096))
    width: int = field(validator=lt.between(1, 4096))
    frames: int = field(validator=lt.between(1, 2**40))
    overlap: int = field(validator=lt.between(0, 4096))
    fps: Fraction = field(validator=lt.between(1, 240))
    level: float = field(validator=lt.between(0, 1))

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "height": self.height,
            "width": self.width,
            "fps": self.fps,
        }


@frozen
class Noisy:
    values: tuple[float, ...]


@frozen
class Clean:
    values: tuple[float, ...]


@frozen(kw_only=True)
class DenoiseOptions:
    num_inference_steps: int = field(default=4, validator=lt.between(1, 100))
    blur: float = field(default=0.5, validator=lt.between(0, 1))
    mode: str = field(default="soft", validator=attrs.validators.in_(("soft", "hard")))


class Prepare:
    """One value per new frame."""

    def check(self, job: lt.Job, state: FogState | None) -> None:
        if state is not None and job.sampling.num_frames <= state.overlap:
            raise lt.ValidationError("sampling.num_frames", f"must be more than {state.overlap}")

    def __call__(self, job: lt.Job, state: FogState | None, run: lt.Run) -> Noisy:
        noise = run.random("noise")
        new = job.sampling.num_frames - (state.overlap if state else 0)
        return Noisy(tuple(noise.random() for _ in range(new)))


class Denoise:
    def __call__(self, noisy: Noisy, options: DenoiseOptions, run: lt.Run) -> Clean:
        values = noisy.values
        for _ in run.steps(options.num_inference_steps):
            mean = sum(values) / len(values)
            values = tuple(v + options.blur * (mean - v) for v in values)
        return Clean(values)


class Paint:
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Frames:
        return lt.Frames(painted(clean.values, job, state.level if state else 0.5))


class Sing:
    """Sample n of the take has the value n / 10000."""

    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Waveform:
        before = state.frames if state else 0
        start = samples(before, job.sampling.fps) - (HELD_BACK if state else 0)
        stop = samples(before + len(clean.values), job.sampling.fps)
        return lt.Waveform(counted(start, stop - (0 if job.output.last else HELD_BACK)), RATE)


class Remember:
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> FogState:
        return FogState(
            segment_index=job.segment_index,
            seed=job.sampling.seed,
            height=job.sampling.height,
            width=job.sampling.width,
            frames=(state.frames if state else 0) + len(clean.values),
            overlap=job.output.overlap_frames,
            fps=job.sampling.fps,
            level=clean.values[-1],
        )


class Settle:
    """The sound that was held back."""

    def __call__(self, state: FogState) -> lt.Waveform:
        stop = samples(state.frames, state.fps)
        return lt.Waveform(counted(stop - HELD_BACK, stop), RATE)


def samples(frames: int, fps: Fraction) -> int:
    return round(frames * RATE / fps)


def painted(values: tuple[float, ...], job: lt.Job, level: float) -> NDArray[np.uint8]:
    import numpy as np

    shades = np.array([round(127 * v + 127 * level) for v in values], np.uint8)
    size = (len(shades), job.sampling.height, job.sampling.width, 3)
    return np.broadcast_to(shades[:, None, None, None], size).copy()


def counted(start: int, stop: int) -> NDArray[np.float32]:
    import numpy as np

    numbers = np.arange(start, stop, dtype=np.float32)[None] / np.float32(10000)
    return np.asarray(numbers % 1, np.float32)


def fog(name: str = "fog", **changes: Any) -> lt.ModelFamily:
    """The family; ``changes``: other stages by the names of these, and other fields."""
    stages: dict[str, Any] = {
        "prepare": Prepare,
        "denoise": lt.StageSpec("denoise", Denoise, options=DenoiseOptions),
        "paint": Paint,
        "sing": Sing,
        "remember": Remember,
    }
    for stage in stages.keys() & changes.keys():
        stages[stage] = changes.pop(stage)
    declared: dict[str, Any] = {
        "finish": (Settle,),
        "presets": (
            lt.Preset("thin"),
            lt.Preset("thick", defaults={"num_inference_steps": 7, "height": 8}),
        ),
        "defaults": DEFAULTS,
        "codecs": (lt.AttrsCodec(f"{name}.v1", FogState),),
    }
    return lt.ModelFamily(name, tuple(stages.values()), **{**declared, **changes})


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    return [fog()]
