"""A family without weights: a picture of rising brightness, a sound that counts its samples."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
from attrs import frozen

import longtake as lt

SAMPLES_PER_FRAME = 10
HELD_BACK = 4
"""Samples that a segment keeps back when another one follows."""

DEFAULTS = {"seed": 5, "height": 4, "width": 6, "num_frames": 9, "fps": 24}


@frozen
class FogState:
    """``frames``: how many the take has; ``overlap``: how many the next segment repeats."""

    segment_index: int
    seed: int
    height: int
    width: int
    frames: int
    overlap: int

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "height": self.height,
            "width": self.width,
            "fps": Fraction(24),
        }


@frozen
class FogCodec:
    """With a store, the whole payload but the segment index is a blob."""

    kind: str = "fog.v1"
    state_type: type[FogState] = FogState

    def encode(self, value: FogState, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        fields = attrs.asdict(value)
        if blobs is None:
            return lt.ContinuationState(self.kind, fields)
        numbers = ",".join(str(fields[field.name]) for field in attrs.fields(FogState))
        return lt.ContinuationState(self.kind, {"blob": blobs.put(numbers.encode())})

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> FogState:
        payload = state.payload
        if "blob" in payload:
            if blobs is None:
                raise lt.ValidationError("state.payload.blob", "give the blob store")
            return FogState(*map(int, bytes(blobs.get(payload["blob"])).decode().split(",")))
        if payload.keys() != {field.name for field in attrs.fields(FogState)}:
            raise lt.ValidationError("state.payload", "is no fog")
        return FogState(**payload)

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        return (state.payload["blob"],) if "blob" in state.payload else ()


@frozen
class Noisy:
    values: tuple[float, ...]


@frozen
class Clean:
    values: tuple[float, ...]


@frozen(kw_only=True)
class DenoiseOptions:
    num_inference_steps: int = attrs.field(default=4, validator=attrs.validators.le(100))
    guidance_scale: float = 1.0
    blur: float = 0.5


class Prepare:
    """One value per new frame."""

    def check(self, job: lt.Job, state: FogState | None) -> None:
        if job.sampling.num_frames % 2 == 0:
            raise lt.ValidationError("sampling.num_frames", "must be odd")

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
    def __call__(self, clean: Clean, job: lt.Job) -> lt.Frames:
        shades = np.array([round(255 * v) for v in clean.values], np.uint8)
        size = (len(shades), job.sampling.height, job.sampling.width, 3)
        return lt.Frames(np.broadcast_to(shades[:, None, None, None], size).copy())


class Sing:
    """Sample n of the take has the value n / 10000."""

    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Waveform:
        before = state.frames if state else 0
        start = before * SAMPLES_PER_FRAME - (HELD_BACK if state else 0)
        stop = (before + len(clean.values)) * SAMPLES_PER_FRAME
        return counted_sound(start, stop - (0 if job.output.last else HELD_BACK))


class Remember:
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> FogState:
        return FogState(
            job.segment_index,
            job.sampling.seed,
            job.sampling.height,
            job.sampling.width,
            (state.frames if state else 0) + len(clean.values),
            job.output.overlap_frames,
        )


class Settle:
    """The sound that was held back."""

    def __call__(self, state: FogState) -> lt.Waveform:
        stop = state.frames * SAMPLES_PER_FRAME
        return counted_sound(stop - HELD_BACK, stop)


def counted_sound(start: int, stop: int) -> lt.Waveform:
    samples = np.arange(start, stop, dtype=np.float32)[None] / np.float32(10000)
    return lt.Waveform(samples, 24 * SAMPLES_PER_FRAME)


FOG = lt.ModelFamily(
    "fog",
    (Prepare, lt.StageSpec("denoise", Denoise, options=DenoiseOptions), Paint, Sing, Remember),
    finish=(Settle,),
    presets=(
        lt.Preset("thin"),
        lt.Preset(
            "thick",
            defaults={"num_inference_steps": 7, "height": 8},
            stage_defaults={"denoise": {"blur": 0.25}},
        ),
    ),
    defaults=DEFAULTS,
    codecs=(FogCodec(),),
)


def black(job: lt.Job) -> lt.Frames:
    """The shortest stage that shows something."""
    sampling = job.sampling
    return lt.Frames(np.zeros((sampling.num_frames, sampling.height, sampling.width, 3), np.uint8))


def pipeline_of(
    *stages: lt.StageSpec | str | Callable[..., Any],
    observers: tuple[Callable[[lt.RunEvent], None], ...] = (),
    **declared: Any,
) -> lt.Pipeline:
    """A pipeline of these stages and, at the end, `black`."""
    family = lt.ModelFamily("toy", (*stages, black), defaults=DEFAULTS, **declared)
    return lt.Pipeline(family, observers=observers)
