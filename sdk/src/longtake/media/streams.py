"""What a take's segments have in common, and streams with encoders for it."""

from __future__ import annotations

import io
from contextlib import ExitStack
from fractions import Fraction

import av
import numpy as np
from attrs import frozen
from av.audio.format import AudioFormat
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.formats import ContainerFormat
from longtake.media.untrusted import open_untrusted, refusing

__all__ = ["LAYOUTS", "Streams", "TakeFormat", "TakePlace", "open_streams", "read_streams"]

LAYOUTS = {1: "mono", 2: "stereo"}
_SLICES = 4
"""Threads of the encoder, each with a slice of every picture, unless that is small. Not one a CPU,
as is the default: the same take would then be another file on another machine. More slices cost
bytes."""


@frozen
class TakeFormat:
    """What all segments of a take have in common.

    No channels and rate 0 without sound; no height and width in a file of sound alone.
    """

    height: int
    width: int
    channels: int
    sample_rate: int

    @classmethod
    def of(
        cls,
        frames: NDArray[np.uint8],
        audio: NDArray[np.float32] | None,
        sample_rate: int | None,
    ) -> TakeFormat:
        """The format of one segment; :class:`ValidationError` if the arrays are none."""
        pictures = frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[3] == 3
        sound_alone = audio is not None and frames.shape[:3] == (0, 0, 0)
        if not pictures or (0 in frames.shape[1:] and not sound_alone):
            found = f"{frames.dtype} {list(frames.shape)}"
            raise ValidationError("frames", f"expected uint8 [T, H, W, 3], got {found}")
        height, width = frames.shape[1:3]
        if audio is None:
            return cls(height, width, 0, 0)
        if audio.dtype != np.float32 or audio.ndim != 2 or audio.shape[0] not in LAYOUTS:
            found = f"{audio.dtype} {list(audio.shape)}"
            raise ValidationError("audio", f"expected float32 [1 or 2, samples], got {found}")
        if sample_rate is None or sample_rate < 1:
            raise ValidationError("sample_rate", f"sound needs a positive one, got {sample_rate}")
        if not len(frames):
            height = width = 0
        return cls(height, width, audio.shape[0], sample_rate)

    def check_continued_by(self, other: TakeFormat) -> None:
        """Raise :class:`ValidationError` unless a segment of ``other`` can follow this one.

        Sound alone can follow any picture.
        """
        size = (self.height, self.width)
        other_size = (other.height, other.width) if other.height else size
        for path, what, expected, got in (
            ("frames", "height and width", size, other_size),
            ("audio", "number of channels", self.channels, other.channels),
            ("sample_rate", "rate in Hz", self.sample_rate, other.sample_rate),
        ):
            if expected != got:
                problem = f"the take began with {what} {expected}, got {got}; they cannot change"
                raise ValidationError(path, problem)


@frozen
class TakePlace:
    """Where in its take a file begins.

    - ``first_frame``: its first frame, which is shown at t = 0.
    - ``first_sample``: where its sound begins, at its own rate; it may be before that frame.
    """

    first_frame: int = 0
    first_sample: int = 0

    def zero_sample(self, take: TakeFormat, fps: Fraction) -> int:
        """The sample of the take that is heard at t = 0."""
        if not take.height or not take.channels:
            return self.first_sample
        return round(self.first_frame * take.sample_rate / fps)


@frozen(eq=False)
class Streams:
    """Streams with open encoders or of a file, and what owns them; what it would write is lost."""

    owner: OutputContainer | ExitStack
    video: VideoStream | None
    audio: AudioStream | None

    def close(self) -> None:
        """Free them."""
        self.owner.close()


def open_streams(container: ContainerFormat, take: TakeFormat, fps: Fraction) -> Streams:
    """Fresh encoders of a take's picture and sound, as far as it has them."""
    owner = av.open(io.BytesIO(), "w", format=container.muxer)
    video = _add_video(owner, container, take, fps) if take.height else None
    audio = _add_audio(owner, container, take) if take.channels else None
    owner.start_encoding()
    return Streams(owner, video, audio)


def read_streams(header: bytes, take: TakeFormat) -> Streams:
    """The streams of a take's file that begins with ``header``: templates for its muxer.

    Raises `ValidationError` for a header that is none, or another take's.
    """
    with ExitStack() as stack:
        with refusing("header of a file"):
            streams = stack.enter_context(open_untrusted(header)).streams
        video, audio = next(iter(streams.video), None), next(iter(streams.audio), None)
        if (video is None, audio is None) != (not take.height, not take.channels):
            raise ValidationError("data", "is the header of a file with other streams")
        return Streams(stack.pop_all(), video, audio)


def _add_video(
    owner: OutputContainer, container: ContainerFormat, take: TakeFormat, fps: Fraction
) -> VideoStream:
    stream = owner.add_stream(
        container.video_codec, rate=fps, options=dict(container.video_options)
    )
    assert isinstance(stream, VideoStream)
    odd = take.height % 2 or take.width % 2
    stream.width, stream.height = take.width, take.height
    stream.pix_fmt = container.pixel_format_odd_sides if odd else container.pixel_format
    codec = stream.codec_context
    codec.time_base = 1 / fps
    # Frame threads would keep the last frames of a segment back.
    codec.thread_type = "SLICE"
    codec.thread_count = 1 if take.height * take.width <= container.whole_up_to else _SLICES
    if container.yuv:
        codec.colorspace = Colorspace.ITU709
        codec.color_range = ColorRange.MPEG
        codec.color_primaries = ColorPrimaries.BT709
        codec.color_trc = ColorTrc.BT709
    return stream


def _add_audio(owner: OutputContainer, container: ContainerFormat, take: TakeFormat) -> AudioStream:
    rates = av.codec.Codec(container.audio_codec, "w").audio_rates
    if rates is not None and take.sample_rate not in rates:
        raise ValidationError(
            "sample_rate",
            f"{container.audio_codec} cannot hold {take.sample_rate} Hz; "
            f"choose one of {sorted(rates)} or write a .mkv file",
        )
    stream = owner.add_stream(
        container.audio_codec, rate=take.sample_rate, options=dict(container.audio_options)
    )
    assert isinstance(stream, AudioStream)
    stream.layout = LAYOUTS[take.channels]
    if container.audio_sample_format is not None:
        stream.codec_context.format = AudioFormat(container.audio_sample_format)
    stream.time_base = Fraction(1, take.sample_rate)
    stream.codec_context.flags |= Flags.bitexact
    if container.audio_bit_rate_per_channel:
        stream.bit_rate = container.audio_bit_rate_per_channel * take.channels
    return stream
