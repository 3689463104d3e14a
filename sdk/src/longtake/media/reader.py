"""Read a take back: all its frames and samples."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from attrs import frozen
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from numpy.typing import NDArray

__all__ = ["DecodedTake", "as_planes", "as_rgb", "pictures_of", "read_take"]

_ACCURATE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@frozen(eq=False)
class DecodedTake:
    """A decoded file: uint8 ``frames [T, H, W, 3]`` and float32 ``audio [channels, samples]``.

    ``audio`` and ``sample_rate`` (Hz) are None for a file without sound; ``frames`` is
    ``[0, 0, 0, 3]`` and ``fps`` None for one without pictures.
    """

    frames: NDArray[np.uint8]
    audio: NDArray[np.float32] | None
    sample_rate: int | None
    fps: Fraction | None


def read_take(path: str | os.PathLike[str]) -> DecodedTake:
    """Decode a whole file into memory; what a take's MP4 marks as padding is not returned.

    Raises :class:`OSError` for a file that is missing or no media file.
    """
    name = os.path.abspath(path)
    with av.open(name) as container:
        frames, fps = _read_video(container)
    with av.open(name) as container:
        audio, sample_rate = _read_audio(container)
    return DecodedTake(frames, audio, sample_rate, fps)


def _read_video(container: InputContainer) -> tuple[NDArray[np.uint8], Fraction | None]:
    if not container.streams.video:
        return np.zeros((0, 0, 0, 3), np.uint8), None
    stream = container.streams.video[0]
    frames = list(pictures_of(container))
    if not frames:
        return np.zeros((0, stream.height, stream.width, 3), np.uint8), stream.average_rate
    return np.stack(frames), stream.average_rate


def pictures_of(container: InputContainer) -> Iterator[NDArray[np.uint8]]:
    """The frames of an open take, each uint8 RGB ``[H, W, 3]``; none in sound alone."""
    for stream in container.streams.video[:1]:
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield as_rgb(frame)


def as_rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    """A frame of a take as uint8 RGB ``[H, W, 3]``."""
    if not frame.format.is_rgb:
        unknown = frame.colorspace == Colorspace.DEFAULT
        frame = frame.reformat(
            format="rgb24",
            interpolation=_ACCURATE,
            src_colorspace=Colorspace.ITU709 if unknown else frame.colorspace,
        )
    return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def _read_audio(container: InputContainer) -> tuple[NDArray[np.float32] | None, int | None]:
    if not container.streams.audio:
        return None, None
    stream = container.streams.audio[0]
    parts: list[NDArray[np.float32]] = []
    padding = 0
    for packet in container.demux(stream):
        for frame in packet.decode():
            parts.append(as_planes(frame))
            padding = _padding(packet, frame)
    if not parts:
        return np.zeros((stream.channels, 0), np.float32), stream.sample_rate
    samples = np.concatenate(parts, axis=1)
    return samples[:, : samples.shape[1] - padding], stream.sample_rate


def _padding(packet: Packet[AudioStream], frame: AudioFrame) -> int:
    """Samples at the end of ``frame`` that the packet's duration does not cover."""
    # Only a clock that counts samples can tell; Matroska's counts milliseconds.
    if not packet.duration or packet.time_base * frame.sample_rate != 1:
        return 0
    return max(0, frame.samples - packet.duration)


def as_planes(frame: AudioFrame) -> NDArray[np.float32]:
    """A frame of a take's sound as float32 ``[channels, samples]``."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(frame.samples, -1).T
    if values.dtype != np.float32:
        raise OSError(f"expected float samples, the file has {frame.format.name}")
    return np.ascontiguousarray(values, dtype=np.float32)
