"""Video clips from outside: any usual file to RGB, and RGB to lossless Matroska."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.encoder import TakeEncoder, TakeFormat
from longtake.media.formats import CONTAINER_FORMATS
from longtake.media.muxing import FragmentMuxer
from longtake.media.untrusted import open_untrusted, refusing, stream_of
from longtake.media.upright import Appearance

__all__ = ["check_clip", "decode_clip", "encode_clip", "measure_clip"]

MAX_FRAMES = 2048
MAX_CLIP_PIXELS = 2**29
"""Of all frames together: 1.6 GB of RGB, 257 frames of 1920 x 1080."""

_RESIZED = "has frames of different sizes; convert it to one size"

_FPS = Fraction(24)
"""Of the files made here; a clip's frames are counted, not timed."""


def decode_clip(data: bytes) -> NDArray[np.uint8]:
    """All frames of a video file: uint8 RGB ``[T, H, W, 3]``, upright, in SDR of BT.709.

    Pixels that are not square become so, and what a display matrix turns or mirrors is turned or
    mirrored. Raises `ValidationError` with the path ``data``.
    """
    pixels = bytearray()  # grows in place: a list of frames would have to be copied
    shape: tuple[int, ...] = ()
    with refusing("video"):
        for appearance, frame in _decoded(data):
            picture = appearance.rgb(frame)
            if shape and picture.shape != shape:
                raise ValidationError("data", _RESIZED)
            shape = picture.shape
            pixels += picture.data
    return np.frombuffer(pixels, np.uint8).reshape(-1, *shape)


def check_clip(data: bytes) -> None:
    """Raise what `decode_clip` would raise."""
    _shape_of(data)


def measure_clip(data: bytes) -> tuple[int, int, int, Fraction]:
    """Pictures, height and width as `decode_clip` gives them, and pictures per second.

    Raises what `decode_clip` would raise, and for a file that does not say its rate.
    """
    count, height, width = _shape_of(data)
    with refusing("video"), open_untrusted(data) as container:
        fps = stream_of(container, VideoStream).average_rate
    if not fps:
        raise ValidationError("data", "does not say how many pictures a second it has; convert it")
    return count, height, width, Fraction(fps)


def _shape_of(data: bytes) -> tuple[int, int, int]:
    count, shapes = 0, set[tuple[int, int]]()
    for appearance, _ in _decoded(data):
        count += 1
        shapes.add(appearance.shape)
    if len(shapes) > 1:
        raise ValidationError("data", _RESIZED)
    return count, *shapes.pop()


def encode_clip(
    frames: NDArray[np.uint8],
    fps: Fraction = _FPS,
    samples: NDArray[np.float32] | None = None,
    sample_rate: int | None = None,
) -> bytes:
    """A Matroska file of FFV1 from uint8 RGB ``[T, H, W, 3]``, as a lossless take has it.

    ``samples``: float32 ``[1 or 2, n]`` at ``sample_rate`` Hz, heard from the first frame on; kept
    without loss, too. Raises `ValidationError` with the path ``frames``.
    """
    if not frames.size:
        raise ValidationError("frames", f"expected some, got {list(frames.shape)}")
    container, clip = CONTAINER_FORMATS[".mkv"], TakeFormat.of(frames, samples, sample_rate)
    try:
        encoder = TakeEncoder(container, clip, fps)
    except FFmpegError as error:
        problem = f"FFV1 cannot hold {clip.width} x {clip.height} pixels: {error.strerror}"
        raise ValidationError("frames", problem) from None
    try:
        muxer = FragmentMuxer(container, encoder.video, encoder.audio)
        data = muxer.header() + muxer.fragment(encoder.encode(frames, samples))
        rest = encoder.flush()
        return data + (muxer.fragment(rest) if rest else b"")
    finally:
        encoder.close()


def _decoded(data: bytes) -> Iterator[tuple[Appearance, VideoFrame]]:
    """The frames and how they are shown, one at a time, until there are too many. At least one."""
    count = pixels = 0
    with refusing("video"), open_untrusted(data) as container:
        stream = stream_of(container, VideoStream)
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise ValidationError("data", "is a video that is cut off or damaged")
            for frame in packet.decode():
                appearance = Appearance.of(frame, _pixel_aspect(stream))
                count, pixels = count + 1, pixels + appearance.height * appearance.width
                if count > MAX_FRAMES or pixels > MAX_CLIP_PIXELS:
                    problem = (
                        f"is too long: at most {MAX_FRAMES} frames, and {MAX_CLIP_PIXELS} pixels "
                        "in all, are taken"
                    )
                    raise ValidationError("data", problem)
                yield appearance, frame
        if not count:
            raise ValidationError("data", "has no frames")


def _pixel_aspect(stream: VideoStream) -> Fraction:
    """Width by height of a pixel: the container's word counts before the codec's, as in FFmpeg."""
    return stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
