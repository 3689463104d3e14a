"""One video and one audio encoder for a whole take."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from attrs import frozen
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.formats import ContainerFormat
from longtake.media.muxing import Encoded

__all__ = ["TakeEncoder", "TakeFormat"]

_LAYOUTS = {1: "mono", 2: "stereo"}
_SLICES = 4
"""Threads of the encoder, each with a slice of every picture. Not one a CPU, as is the default:
the same take would then be another file on another machine. More slices cost bytes."""

_AUDIO_BLOCK = 1024
"""Samples per call of the audio encoder: the frame length of AAC-LC."""

_ACCURATE = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
)


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
        if audio.dtype != np.float32 or audio.ndim != 2 or audio.shape[0] not in _LAYOUTS:
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


class TakeEncoder:
    """Encodes a take's segments in order, on one clock.

    Frame ``i`` of the take is shown at ``i / fps`` and sample ``i`` sounds at ``i / sample_rate``,
    whichever segment they came with. ``video`` and ``audio`` are the encoders' streams; None in a
    take without pictures or without sound.
    """

    def __init__(self, container: ContainerFormat, take: TakeFormat, fps: Fraction) -> None:
        self._format = container
        self._take = take
        self._fps = fps
        self._frames = 0
        self._samples = 0
        # Owns the two codecs; what it would write is thrown away.
        self._owner = av.open(io.BytesIO(), "w", format=container.muxer)
        self.video = _add_video(self._owner, container, take, fps) if take.height else None
        self.audio = _add_audio(self._owner, container, take) if take.channels else None
        self._owner.start_encoding()

    @property
    def kinds(self) -> frozenset[str]:
        """The streams that hold anything: of ``"video"`` and ``"audio"``."""
        counts = {"video": self._frames, "audio": self._samples}
        return frozenset(kind for kind, count in counts.items() if count)

    def encode(self, frames: NDArray[np.uint8], audio: NDArray[np.float32] | None) -> Encoded:
        """Encode a segment. All its frames are returned; its last sound may still be inside.

        AAC looks ahead: up to three of its frames (3,072 samples) come with the next call.
        """
        video = () if self.video is None else tuple(self._encode_video(frames, self.video))
        if audio is None or self.audio is None:
            return Encoded(video)
        return Encoded(video, tuple(self._encode_audio(audio, self.audio.codec_context)))

    def flush(self) -> Encoded:
        """End the take and return what the encoders still hold."""
        video = () if self.video is None else tuple(self.video.encode(None))
        if self.audio is None:
            return Encoded(video)
        audio = tuple(self.audio.encode(None)) if self._samples else ()
        return Encoded(video, audio[:-1] if self._padding_is_audible() else audio)

    def close(self) -> None:
        """Free the encoders."""
        self._owner.close()

    def _encode_video(
        self, frames: NDArray[np.uint8], stream: VideoStream
    ) -> Iterator[Packet[Stream]]:
        for index, pixels in enumerate(frames):
            frame = self._to_encoder_pixels(
                VideoFrame.from_ndarray(pixels, format="rgb24"), stream.pix_fmt
            )
            frame.pts = self._frames
            frame.time_base = 1 / self._fps
            # A segment starts with a key frame, so that a player can jump to it.
            frame.pict_type = PictureType.I if index == 0 else PictureType.NONE
            self._frames += 1
            for packet in stream.encode(frame):
                packet.duration = 1
                yield packet

    def _to_encoder_pixels(self, frame: VideoFrame, pixel_format: str | None) -> VideoFrame:
        if not self._format.yuv:
            return frame.reformat(format=pixel_format)
        return frame.reformat(
            format=pixel_format,
            interpolation=_ACCURATE,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )

    def _encode_audio(
        self, audio: NDArray[np.float32], codec: AudioCodecContext
    ) -> Iterator[Packet[Stream]]:
        for start in range(0, audio.shape[1], _AUDIO_BLOCK):
            block = audio[:, start : start + _AUDIO_BLOCK]
            planes = block if codec.format.is_planar else block.T.reshape(1, -1)
            frame = AudioFrame.from_ndarray(
                np.ascontiguousarray(planes), codec.format.name, _LAYOUTS[self._take.channels]
            )
            frame.sample_rate = self._take.sample_rate
            frame.pts = self._samples
            frame.time_base = Fraction(1, self._take.sample_rate)
            self._samples += block.shape[1]
            yield from codec.encode(frame)

    def _padding_is_audible(self) -> bool:
        """Whether players that ignore the padding's mark would play a picture's length too long.

        The last AAC frame is filled up with silence. The container says how much, but FFmpeg's
        decoder plays it all, and at 24 kHz that can be longer than a picture. The sound that goes
        with that frame is then shorter than what the padding would add.
        """
        if not self._format.audio_priming_samples or not self._frames:
            return False
        picture = self._take.sample_rate / self._fps
        lag = self._samples - self._frames * picture
        padded = lag + -self._samples % _AUDIO_BLOCK
        return abs(lag) < picture <= padded and abs(padded - _AUDIO_BLOCK) < padded


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
    codec.thread_count = _SLICES
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
    stream = owner.add_stream(container.audio_codec, rate=take.sample_rate)
    assert isinstance(stream, AudioStream)
    stream.layout = _LAYOUTS[take.channels]
    stream.time_base = Fraction(1, take.sample_rate)
    if container.audio_bit_rate_per_channel:
        stream.bit_rate = container.audio_bit_rate_per_channel * take.channels
    return stream
