"""A family without weights, with picture, sound, a state and an end; and one without a state."""

from __future__ import annotations

import os
import signal
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

import longtake as lt
from longtake.plugins.loading import Plugin

RATE = 24000
HELD_BACK = 500
"""Samples that a segment keeps for the next one."""


@frozen
class FogState:
    segment_index: int
    level: int
    height: int
    width: int

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {"height": self.height, "width": self.width, "fps": Fraction(24)}


@frozen
class FogCodec:
    """Keeps the level in a blob when it may, so that tests see blobs come and go."""

    kind: str = "fog.v1"
    state_type: type[FogState] = FogState

    def encode(self, value: FogState, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        payload: dict[str, Any] = {
            "index": value.segment_index,
            "size": [value.height, value.width],
        }
        level = value.level.to_bytes(8, "big")
        if blobs is None:
            payload["level"] = level.hex()
        else:
            payload["blob"] = blobs.put(level)
        return lt.ContinuationState(self.kind, payload)

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> FogState:
        payload = state.payload
        if "index" not in payload:
            raise lt.ValidationError("state.payload.index", "required, but missing")
        level = bytes.fromhex(payload.get("level", ""))
        if "blob" in payload:
            if blobs is None:
                raise lt.ValidationError("state.payload.blob", "give the blob store")
            level = bytes(blobs.get(payload["blob"]))
        height, width = payload["size"]
        return FogState(payload["index"], int.from_bytes(level, "big"), height, width)

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        return tuple(state.payload[key] for key in ("blob",) if key in state.payload)

    def summarize(
        self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None
    ) -> lt.StateSummary:
        fog = self.decode(state, blobs)
        where = f"blob {state.payload['blob']}" if "blob" in state.payload else "inline"
        frames = tuple(np.full((fog.height, fog.width, 3), shade, np.uint8) for shade in (10, 200))
        part = lt.StatePart("level", where, 8, "one number")
        return lt.StateSummary(1, fog.segment_index, (part,), frames)


@frozen(kw_only=True)
class DrawOptions:
    num_inference_steps: int = 2
    fail_in_segment: int = -1
    interrupt_in_segment: int = -1


def decode_all(inputs: lt.DecodedInputs) -> None:
    for index in range(len(inputs.inputs.images)):
        inputs.image(index)
    for index in range(len(inputs.inputs.clips)):
        inputs.clip(index)
    if inputs.inputs.audio is not None:
        inputs.audio(RATE)
    if inputs.inputs.source is not None:
        inputs.source_frames()


class Draw:
    """Noise of the run's seed and the state's level."""

    def check(self, job: lt.Job, inputs: lt.DecodedInputs) -> None:
        job.inputs.check_places(job.sampling.num_frames, job.sampling.fps)
        decode_all(inputs)
        source = job.inputs.source
        if source is not None and (source.remake_from or 0) > 1:
            raise lt.ValidationError("inputs.source.remake_from", "is too late")
        if job.sampling.height % 16:
            raise lt.ValidationError("sampling.height", "must divide by 16")

    def __call__(
        self,
        job: lt.Job,
        inputs: lt.DecodedInputs,
        options: DrawOptions,
        state: FogState | None,
        run: lt.Run,
    ) -> tuple[lt.Frames, lt.Waveform, FogState]:
        for _ in run.steps(options.num_inference_steps):
            if job.segment_index == options.fail_in_segment:
                raise RuntimeError("the fog\nlifted")
            if job.segment_index == options.interrupt_in_segment:
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(6000):  # the main thread, which handles it, may be busy
                    run.check_cancelled()
                    time.sleep(0.01)
        sampling, level = job.sampling, 0 if state is None else state.level
        noise = np.random.default_rng([run.seed, level, len(job.prompt)])
        size = (sampling.num_frames, sampling.height, sampling.width, 3)
        frames = noise.integers(0, 256, size, np.uint8)
        for index, image in enumerate(job.inputs.images):
            frames[image.frame_in(len(frames))] = inputs.image(index)[0, 0]
        for index, clip in enumerate(job.inputs.clips):
            start, pictures = clip.frame_in(len(frames)), inputs.clip(index)
            frames[start : start + len(pictures)] = pictures[: len(frames) - start, :1, :1]
        if (source := job.inputs.source) is not None:
            start, pictures = source.frame_in(len(frames)), inputs.source_frames()
            frames[start : start + len(pictures)] = pictures[:, :1, :1]
        # From what the one before held back to what this one holds back.
        samples = round(sampling.num_frames * RATE / sampling.fps)
        samples += (0 if state is None else HELD_BACK) - (0 if job.output.last else HELD_BACK)
        sound = noise.uniform(-0.5, 0.5, (1, samples)).astype(np.float32)
        if (audio := job.inputs.audio) is not None:
            start, heard = round(audio.start * RATE), inputs.audio(RATE)[:1]
            sound[:, start : start + heard.shape[1]] = heard[:, : samples - start]
        after = FogState(
            job.segment_index, int(noise.integers(2**62)), sampling.height, sampling.width
        )
        return lt.Frames(frames), lt.Waveform(sound, RATE), after


class Settle:
    """The sound that was held back."""

    def __call__(self, state: FogState) -> lt.Waveform:
        return lt.Waveform(np.full((1, HELD_BACK), state.level / 2**63, np.float32), RATE)


class Speck:
    """One picture and no sound."""

    def __call__(self, job: lt.Job) -> lt.Frames:
        size = (job.sampling.num_frames, job.sampling.height, job.sampling.width, 3)
        return lt.Frames(np.zeros(size, np.uint8))


def write_example(folder: Path) -> Path:
    folder.mkdir()
    (folder / "fog.txt").write_text("fog")
    return folder


def recognise(path: Path) -> lt.Recognition | None:
    return lt.Recognition("thin") if (path / "fog.txt").exists() else None


def load(source: lt.ModelSource) -> lt.LoadedModel:
    assert source.path is not None
    assert (source.path / "fog.txt").exists()
    return lt.LoadedModel()


def fit_clip(clip: lt.ClipFacts) -> lt.Sampling:
    """Sides that divide by 16, and an even number of frames."""
    height, width = (side // 16 * 16 for side in (clip.height, clip.width))
    frames = clip.num_frames // 2 * 2
    return lt.Sampling(height=height, width=width, num_frames=frames, fps=clip.fps)


DEFAULTS = {"seed": 1, "height": 32, "width": 48, "num_frames": 4, "fps": 24}

FOG = lt.ModelFamily(
    "fog",
    (lt.StageSpec("draw", Draw, options=DrawOptions),),
    finish=(lt.StageSpec("settle", Settle),),
    presets=(
        lt.Preset("thin", description="little fog", defaults={**DEFAULTS}),
        lt.Preset(
            "thick",
            version=2,
            defaults={"fps": Fraction(24000, 1001), "negative_prompt": lt.Reference("sky:CLEAR")},
        ),
    ),
    defaults=DEFAULTS,
    codecs=(FogCodec(),),
    recognise=recognise,
    load=load,
    example=write_example,
    fit_clip=fit_clip,
)
DUST = lt.ModelFamily("dust", (lt.StageSpec("speck", Speck),), defaults=DEFAULTS)


class Shelf:
    """A blob store whose contents tests can count."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.puts = 0

    def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
        self.puts += 1
        self.blobs[f"b{self.puts}"] = bytes(data)
        return f"b{self.puts}"

    def get(self, blob_id: str) -> bytes:
        if blob_id not in self.blobs:
            raise lt.BlobNotFound(f"blob {blob_id}: not on the shelf")
        return self.blobs[blob_id]

    def drop(self, blob_id: str) -> None:
        self.blobs.pop(blob_id, None)

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self.blobs


def toy_registry(shelf: Shelf) -> lt.Registry:
    """Both families, the shelf under ``shelf:``, and a plugin that failed."""
    backend = lt.BlobBackend("shelf", lambda _: shelf)
    broken = Plugin(
        "mud", "longtake-mud", "0.9", "failed", "ImportError: no module 'wet'", phase="import"
    )
    toys = Plugin(
        "toys", "longtake-toys", "1.2", "loaded", families=(FOG, DUST), blob_backends=(backend,)
    )
    return lt.Registry([toys, broken])
