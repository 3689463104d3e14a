"""A container in pieces: its header, a fragment per segment, and the finished file of them all."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction

import av
from attrs import frozen
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from longtake.media.formats import ContainerFormat

__all__ = ["Encoded", "FragmentMuxer", "remux"]


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
    """

    def __init__(
        self, container: ContainerFormat, video: VideoStream | None, audio: AudioStream | None
    ) -> None:
        self._format = container
        self._video = video
        self._audio = audio
        self._fragments = 0

    def header(self) -> bytes:
        """The start of the file, before the first fragment."""
        # The muxers write their header with the first packets; these two are thrown away.
        video: tuple[Packet[Stream], ...] = ()
        audio: tuple[Packet[Stream], ...] = ()
        if self._video is not None:
            video = (_placeholder(0, _time_base(self._video)),)
        if self._audio is not None:
            priming = self._format.audio_priming_samples
            audio = (_placeholder(-priming, _time_base(self._audio)),)
        data = self._mux(Encoded(video, audio), self._format.header_options)
        return data[: self._header_length(data)]

    def fragment(self, encoded: Encoded) -> bytes:
        """The part of the file that holds these packets, to be put after what there is."""
        self._fragments += 1
        options = dict(self._format.fragment_options)
        if self._format.fragment_counter is not None:
            options[self._format.fragment_counter] = str(self._fragments)
        for packet in encoded.audio:
            # A fragment's clock starts at the first encoded sample, priming included; the edit
            # list in the header takes the priming off again.
            assert packet.pts is not None
            packet.pts += self._format.audio_priming_samples
            packet.dts = packet.pts
        data = self._mux(encoded, options)
        return data[self._header_length(data) :]

    def _mux(self, encoded: Encoded, options: Mapping[str, str]) -> bytes:
        buffer = io.BytesIO()
        with av.open(buffer, "w", format=self._format.muxer, options=dict(options)) as output:
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


def remux(source: str, target: str, container: ContainerFormat, kinds: frozenset[str]) -> None:
    """Copy the streams of these kinds, without encoding anything, into one plain file."""
    options = dict(container.final_options)
    with (
        av.open(source) as reader,
        av.open(target, "w", format=container.muxer, options=options) as writer,
    ):
        streams = {
            stream.index: writer.add_stream_from_template(stream)
            for stream in reader.streams
            if stream.type in kinds
        }
        for packet in reader.demux():
            # The demuxer ends with an empty packet per stream, which has no time.
            if packet.dts is not None and packet.stream.index in streams:
                packet.stream = streams[packet.stream.index]
                writer.mux(packet)


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
