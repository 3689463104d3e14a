"""A container in pieces: its header, a fragment per segment, and the finished file of them all."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction

import av
from attrs import frozen
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from longtake.media.formats import ContainerFormat

__all__ = ["READING", "Encoded", "FragmentMuxer", "remux"]

READING: Mapping[str, Mapping[str, str]] = {
    # Edits hide sound before the first picture, and what a demuxer hides it does not give.
    "box": {"ignore_editlist": "1"},
    "element": {},
    "chunk": {},
}
"""How each kind of container is opened for its packets: all of them, with its own times."""


@frozen
class Encoded:
    """Packets that have left the encoders, in each stream's order."""

    video: tuple[Packet[Stream], ...] = ()
    audio: tuple[Packet[Stream], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.video or self.audio)


class FragmentMuxer:
    """Makes the bytes of a file that grows by whole fragments.

    Each piece comes from a muxer of its own that lives in memory and is closed, so that no packet
    is left waiting in a queue. The streams are templates, at least one; their codecs must be open.

    Sound may begin before the first picture, which is at time 0: ``audio_start`` is the ``pts`` of
    its first packet. An MP4 has an edit list, which hides what is before 0; where there is none,
    everything is later by as much. ``fragments``: how many the file has already.
    ``video_ticks``: of a second of an MP4's pictures, the muxer's choice when None; times are
    rounded to them.
    """

    def __init__(
        self,
        container: ContainerFormat,
        video: VideoStream | None,
        audio: AudioStream | None,
        *,
        audio_start: int = 0,
        fragments: int = 0,
        video_ticks: int | None = None,
    ) -> None:
        self._format = container
        self._video = video
        self._audio = audio
        self._audio_start = audio_start
        self._fragments = fragments
        self._video_ticks = video_ticks

    def header(self) -> bytes:
        """The start of the file, before the first fragment."""
        # The muxers write their header with the first packets; these two are thrown away.
        video: tuple[Packet[Stream], ...] = ()
        audio: tuple[Packet[Stream], ...] = ()
        if self._video is not None:
            video = (_placeholder(0, _time_base(self._video)),)
        if self._audio is not None:
            start = min(self._audio_start, 0) if self._format.note_kind == "box" else 0
            audio = (_placeholder(start, _time_base(self._audio)),)
        data = self._mux(Encoded(video, audio), self._format.header_options)
        return data[: self._header_length(data)]

    def fragment(self, encoded: Encoded) -> bytes:
        """The part of the file that holds these packets, to be put after what there is."""
        self._fragments += 1
        options = dict(self._format.fragment_options)
        if self._format.fragment_counter is not None:
            options[self._format.fragment_counter] = str(self._fragments)
        self._shift(encoded)
        data = self._mux(encoded, options)
        return data[self._header_length(data) :]

    def _shift(self, encoded: Encoded) -> None:
        """Let no time be negative: no container's fragments can say one."""
        if self._audio is None:
            return
        # The edit list in an MP4's header takes off again what is added here.
        earlier = min(self._audio_start, 0)
        for packet in encoded.audio:
            assert packet.pts is not None
            packet.pts -= earlier
            packet.dts = packet.pts
        if earlier and self._format.note_kind != "box":
            delay = -earlier * _time_base(self._audio)
            for packet in encoded.video:
                _delay(packet, delay)

    def _mux(self, encoded: Encoded, options: Mapping[str, str]) -> bytes:
        buffer = io.BytesIO()
        options = dict(options)
        if self._video_ticks is not None:
            options["video_track_timescale"] = str(self._video_ticks)
        with av.open(buffer, "w", format=self._format.muxer, options=options) as output:
            if self._video is not None:
                video = output.add_stream_from_template(self._video)
                for packet in encoded.video:
                    packet.stream = video
            if self._audio is not None:
                audio = output.add_stream_from_template(self._audio)
                for packet in encoded.audio:
                    packet.stream = audio
            output.mux([*encoded.video, *encoded.audio])
        return buffer.getvalue()

    def _header_length(self, data: bytes) -> int:
        return data.index(self._format.fragment_marker) - self._format.fragment_marker_offset


def remux(
    source: str,
    target: str,
    container: ContainerFormat,
    kinds: frozenset[str],
    *,
    audio_start: int = 0,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Copy the streams of these kinds, without encoding anything, into one plain file.

    ``audio_start`` is that of `FragmentMuxer`; ``tags`` are the container's own metadata.
    """
    reading = dict(READING[container.note_kind])
    with av.open(source, options=reading) as reader:
        options = dict(container.final_options)
        if container.note_kind == "box" and reader.streams.audio:
            # Edits say where sound begins and ends in this unit; a millisecond is too coarse.
            options["movie_timescale"] = str(reader.streams.audio[0].rate)
        with av.open(target, "w", format=container.muxer, options=options) as writer:
            writer.metadata.update(tags or {})
            _copy(reader, writer, kinds, audio_start if reading else 0)


def _copy(
    reader: InputContainer, writer: OutputContainer, kinds: frozenset[str], audio_start: int
) -> None:
    streams = {
        stream.index: writer.add_stream_from_template(stream)
        for stream in reader.streams
        if stream.type in kinds
    }
    for packet in reader.demux():
        # The demuxer ends with an empty packet per stream, which has no time.
        if packet.dts is None or packet.pts is None or packet.stream.index not in streams:
            continue
        if packet.stream.type == "audio" and audio_start:
            packet.pts += audio_start
            packet.dts = packet.pts
        packet.stream = streams[packet.stream.index]
        writer.mux(packet)


def _delay(packet: Packet[Stream], seconds: Fraction) -> None:
    # Matroska counts milliseconds.
    assert packet.pts is not None
    assert packet.time_base is not None
    assert packet.duration is not None
    packet.pts = packet.dts = round((packet.pts * packet.time_base + seconds) * 1000)
    packet.duration = round(packet.duration * packet.time_base * 1000)
    packet.time_base = Fraction(1, 1000)


def _placeholder(time: int, time_base: Fraction) -> Packet[Stream]:
    # An empty access unit to H.264, whose muxer drops what holds none; any bytes to the others.
    packet: Packet[Stream] = Packet(bytes((0, 0, 0, 1, 9, 16)))
    packet.pts = packet.dts = time
    packet.duration = 1
    packet.time_base = time_base
    packet.is_keyframe = True
    return packet


def _time_base(stream: VideoStream | AudioStream) -> Fraction:
    return stream.codec_context.time_base
