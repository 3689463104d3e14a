"""Pendulums whose takes are kept as streams, and what players make of the streams."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from attrs import frozen
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

import longtake as lt
from longtake_serve.media.sink import StreamMedia
from longtake_serve.media.stream import TakeStream, TakeStreams

__all__ = ["Served", "Shown", "shown", "snippet_request"]

Codec = Literal["aac", "flac"]


def snippet_request(prompt: str, new_frames: int = 8) -> lt.GenerationRequest:
    """A small segment: 9 of its frames repeat the one before, but for the first."""
    sampling = lt.Sampling(height=32, width=48, num_frames=new_frames + 9, seed=5)
    return lt.GenerationRequest(prompt=prompt, sampling=sampling)


class Served:
    """Sessions in stores, rolled by one pipeline with `StreamMedia`."""

    def __init__(
        self, sessions: lt.SessionStore, blobs: lt.BlobStore, codec: Codec = "flac"
    ) -> None:
        self.sessions = sessions
        self.blobs = blobs
        self.media = StreamMedia(sessions, audio_codec=codec)
        self.pipeline = lt.load(family="pendulum")
        self.results: list[lt.GenerationResult] = []
        self.streams = TakeStreams(sessions, blobs)

    def create(self, name: str = "take") -> str:
        self.sessions.create(name, family="pendulum", preset="swing@1")
        return name

    def roll(self, name: str, count: int, *, new_frames: int = 8) -> None:
        for number in range(count):
            done = lt.roll(
                self.sessions,
                name,
                snippet_request(f"sea {number}", new_frames),
                pipeline=self.pipeline,
                blobs=self.blobs,
                media=self.media,
            )
            assert done.result is not None
            self.results.append(done.result)

    def read(self, name: str = "take", *, finished: bool = False) -> TakeStream:
        return self.streams.read(name, finished=finished)


@frozen(eq=False)
class Shown:
    """What a decoder gives of a file: times of its pictures, and its sound."""

    times: list[Fraction]
    sound: NDArray[np.float64]


def shown(data: bytes) -> Shown:
    times = []
    with av.open(io.BytesIO(data), "r") as file:
        for frame in file.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            times.append(frame.pts * frame.time_base)
    with av.open(io.BytesIO(data), "r") as file:
        parts = [samples_of(frame) for frame in file.decode(audio=0)]
    return Shown(times, np.concatenate(parts, axis=1))


def samples_of(frame: AudioFrame) -> NDArray[np.float64]:
    values = frame.to_ndarray().astype(np.float64)
    if frame.format.is_packed:
        values = values.reshape(-1, frame.layout.nb_channels).T
    return values / 2.0**31 if frame.format.name.startswith("s32") else values


def rounded(sounds: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float64]:
    """Joined, as 24 bits have it."""
    sound = np.concatenate([each for each in sounds if each is not None], axis=1)
    steps = np.round(sound.astype(np.float64) * 2**23)
    return np.clip(steps, -(2**23), 2**23 - 1) / 2**23
