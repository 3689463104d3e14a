"""The encoders of a take: for each segment those of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from attrs import evolve, frozen
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.formats import ContainerFormat
from longtake.media.muxing import Encoded
from longtake.media.sound_runs import (
    BLOCK,
    PendingSound,
    begin_sound,
    encode_end,
    encode_sound,
)
from longtake.media.streams import (
    LAYOUTS,
    Streams,
    TakeFormat,
    TakePlace,
    open_streams,
    read_streams,
)

__all__ = ["Progress", "TakeEncoder", "TakeFormat", "TakePlace", "first_packet"]

_ACCURATE = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
)
_QUICK = Interpolation.AREA | Interpolation.FULL_CHR_H_INP

_CONVERTING = 1
"""Threads that convert pixels: handing a picture over takes longer than converting it."""


def first_packet(
    container: ContainerFormat, take: TakeFormat, fps: Fraction, place: TakePlace
) -> int:
    """The sample of the take at which the first packet of a file's sound begins."""
    if not container.audio_in_runs:
        return place.first_sample
    first = min(place.first_sample, place.zero_sample(take, fps))
    return begin_sound(1, first).next_packet


@frozen(eq=False)
class Progress:
    """How far an encoder has come: its frames, and the end of its sound."""

    frames: int
    pending: PendingSound


class TakeEncoder:
    """Encodes a take's segments in order, on one clock, each with encoders of its own.

    So a segment's packets are the same whichever process encodes it, and after whichever others.
    The file begins at ``place``: its frame ``i`` is shown at ``i / fps``, and sample ``j`` of the
    take sounds at ``(j - zero_sample) / sample_rate``. ``video`` and ``audio`` are templates of the
    streams; None in a take without pictures or without sound. ``pending``: the end of the sound
    where the file goes on after ``frames`` frames. ``header``: of that file, if it can be read
    again; it has the templates, so that no encoder is opened for them.
    """

    def __init__(
        self,
        container: ContainerFormat,
        take: TakeFormat,
        fps: Fraction,
        place: TakePlace | None = None,
        *,
        frames: int = 0,
        pending: PendingSound | None = None,
        header: bytes = b"",
    ) -> None:
        self._container = container
        self._take = take
        self._fps = fps
        self._place = place or TakePlace()
        self._frames = frames
        self._opened = ExitStack()
        self._header = header
        streams = read_streams(header, take) if header else open_streams(container, take, fps)
        self._templates = self._kept(streams)
        self.video, self.audio = streams.video, streams.audio
        self._unused = set() if header else {"video", "audio"}
        """Of the templates' own encoders."""
        self.zero_sample = self._place.zero_sample(take, fps)
        self.pending = pending or self._no_sound_yet()
        self.audio_start = first_packet(container, take, fps, self._place) - self.zero_sample
        """The ``pts`` of the first packet of sound, in samples."""

    @property
    def format(self) -> TakeFormat:
        """What all segments have in common."""
        return self._take

    @property
    def fps(self) -> Fraction:
        """Frames per second."""
        return self._fps

    @property
    def frames(self) -> int:
        """How many the file has."""
        return self._frames

    @property
    def kinds(self) -> frozenset[str]:
        """The streams that hold anything: of ``"video"`` and ``"audio"``."""
        samples = self.pending.end - self._place.first_sample
        counts = {"video": self._frames, "audio": samples}
        return frozenset(kind for kind, count in counts.items() if count)

    @property
    def progress(self) -> Progress:
        """What `go_back` takes."""
        return Progress(self._frames, self.pending)

    def go_back(self, progress: Progress) -> None:
        """As if nothing had been encoded since: each segment has encoders of its own."""
        self._frames, self.pending = progress.frames, progress.pending

    def encode(self, frames: NDArray[np.uint8], audio: NDArray[np.float32] | None) -> Encoded:
        """Encode a segment. All its frames are returned; its last sound may still be inside.

        AAC looks ahead: up to three of its frames (3,072 samples) come with the next call.
        """
        if audio is None or self.audio is None:
            return Encoded(self._encode_pictures(frames))
        # At once: neither encoder needs what the other gives.
        with ThreadPoolExecutor(1, thread_name_prefix="longtake-sound") as beside:
            sound = beside.submit(self._encode_sound, audio)
            return Encoded(self._encode_pictures(frames), sound.result())

    def _encode_pictures(self, frames: NDArray[np.uint8]) -> tuple[Packet[Stream], ...]:
        return tuple(self._encode_video(frames)) if len(frames) else ()

    def _encode_sound(self, audio: NDArray[np.float32]) -> tuple[Packet[Stream], ...]:
        if self._container.audio_in_runs:
            packets, self.pending = encode_sound(self.pending, audio, self.run)
        else:
            packets = list(self.run(audio, self.pending.end, True))
            self.pending = evolve(self.pending, first=self.pending.end + audio.shape[1])
        return self._on_clock(packets)

    def flush(self) -> Encoded:
        """End the take and return the sound that is still pending."""
        if self.audio is None or not self._container.audio_in_runs:
            return Encoded()
        audio = self._on_clock(encode_end(self.pending, self.run))
        return Encoded((), audio[:-1] if self.pads_audibly(self.pending.end) else audio)

    def close(self) -> None:
        """Free the templates."""
        self._opened.close()

    def _kept(self, streams: Streams) -> Streams:
        """Them, until the templates are freed."""
        return self._opened.enter_context(closing(streams))

    def _no_sound_yet(self) -> PendingSound:
        first, channels = self._place.first_sample, self._take.channels
        if not self._container.audio_in_runs or first <= self.zero_sample:
            return begin_sound(channels, first)
        # A packet begins long before its sound does: only silence is silent until then.
        silence = np.zeros((channels, first - self.zero_sample), np.float32)
        begins = begin_sound(channels, self.zero_sample)
        return evolve(begins, samples=silence)

    def _encode_video(self, frames: NDArray[np.uint8]) -> Iterator[Packet[Stream]]:
        time_base = 1 / self._fps
        converter = VideoReformatter()  # one for all frames: preparing it takes as long as using it
        with self._fresh("video") as streams:
            stream = streams.video
            assert stream is not None
            for pixels in np.ascontiguousarray(frames):
                frame = self._to_encoder_pixels(
                    converter, VideoFrame.from_numpy_buffer(pixels, "rgb24"), stream.pix_fmt
                )
                frame.pts = self._frames
                frame.time_base = time_base
                self._frames += 1
                for packet in stream.encode(frame):
                    packet.duration = 1
                    yield packet

    @contextmanager
    def _fresh(self, kind: Literal["video", "audio"]) -> Iterator[Streams]:
        """An encoder that has encoded nothing: opening one takes as long as several pictures."""
        if kind in self._unused:
            self._unused.discard(kind)
            yield self._templates
            return
        alone = {"channels": 0} if kind == "video" else {"height": 0, "width": 0}
        streams = open_streams(self._container, evolve(self._take, **alone), self._fps)
        if kind == "video" and self._header:
            self.video = self._kept(streams).video  # which says in which form its packets are
            _check_decodable(self.video, self._header)
            yield streams
        else:
            with closing(streams):
                yield streams

    def _to_encoder_pixels(
        self, converter: VideoReformatter, frame: VideoFrame, pixel_format: str | None
    ) -> VideoFrame:
        if not self._container.yuv:
            return converter.reformat(frame, format=pixel_format, threads=_CONVERTING)
        return converter.reformat(
            frame,
            format=pixel_format,
            interpolation=_QUICK if self._container.quick_pixels else _ACCURATE,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=_CONVERTING,
        )

    def run(self, samples: NDArray[np.float32], first: int, ends: bool) -> Iterator[Packet[Stream]]:
        """Encode ``samples``, the take's from ``first`` on, with an encoder of their own."""
        with self._fresh("audio") as streams:
            assert streams.audio is not None
            codec = streams.audio.codec_context
            size = codec.frame_size or BLOCK
            planes, width = _as_encoded(samples, codec)
            for start in range(0, samples.shape[1], size):
                block = planes[:, start * width : (start + size) * width]
                if block.shape[1] == size * width or ends:
                    yield from codec.encode(self._audio_frame(block, codec, first + start))
            if ends:  # FLAC ends with a packet that holds nothing
                yield from (packet for packet in codec.encode(None) if packet.size)

    def _audio_frame(self, block: NDArray[Any], codec: AudioCodecContext, pts: int) -> AudioFrame:
        layout = LAYOUTS[self._take.channels]
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), codec.format.name, layout)
        frame.sample_rate = self._take.sample_rate
        frame.pts = pts
        frame.time_base = Fraction(1, self._take.sample_rate)
        return frame

    def _on_clock(self, packets: Iterable[Packet[Stream]]) -> tuple[Packet[Stream], ...]:
        """The packets of sound with the file's times instead of the take's."""
        timed = tuple(packets)
        for packet in timed:
            assert packet.pts is not None
            packet.pts -= self.zero_sample
            packet.dts = packet.pts
        return timed

    def pads_audibly(self, end: int) -> bool:
        """Whether sound that ends at ``end`` would be heard a picture's length too long.

        The last AAC frame is filled up with silence. The container says how much, but FFmpeg's
        decoder plays it all, and at 24 kHz that can be longer than a picture. The sound that goes
        with that frame is then shorter than what the padding would add.
        """
        if not self._frames:
            return False
        picture = self._take.sample_rate / self._fps
        lag = end - (self._place.first_frame + self._frames) * picture
        padded = lag + -end % BLOCK
        return abs(lag) < picture <= padded and abs(padded - BLOCK) < padded


def _check_decodable(video: VideoStream | None, header: bytes) -> None:
    """Raise `ValidationError` unless ``header`` has what decoders of its pictures must know."""
    assert video is not None
    told = (video.codec_context.extradata or b"").replace(b"\0\0\0\1", b"\0\0\1")
    if not all(each in header for each in told.split(b"\0\0\1")):
        problem = "is of pictures that were encoded by other rules"
        raise ValidationError("data", f"{problem}; go on with the release that began the take")


def _as_encoded(samples: NDArray[np.float32], codec: AudioCodecContext) -> tuple[NDArray[Any], int]:
    """Samples in the rows that the encoder takes, and how many of a row are one moment's."""
    if codec.format.is_planar:
        return samples, 1
    packed = samples.T.reshape(1, -1)
    in_bits = codec.format.name == "s32"
    return _as_24_bits(packed) if in_bits else packed, samples.shape[0]


def _as_24_bits(samples: NDArray[np.float32]) -> NDArray[np.int32]:
    """The nearest of 2**24 steps over -1..1, in the upper bits, where FLAC's encoder reads them.

    Float32 is exact here: it holds every step, and a power of two changes no mantissa.
    """
    steps = np.rint(samples * np.float32(2**23))
    whole: NDArray[np.int32] = np.clip(steps, -(2**23), 2**23 - 1).astype(np.int32)
    return whole << 8
