"""A finished file as the growing one that it was: its packets in fragments, up to a place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import av
from attrs import frozen
from av.packet import Packet
from av.stream import Stream

from longtake.media.encoder import TakeEncoder
from longtake.media.formats import ContainerFormat
from longtake.media.muxing import READING, Encoded, FragmentMuxer

__all__ = ["Kept", "fragments_of"]

_FRAGMENT_BYTES = 32 * 2**20


@frozen
class Kept:
    """What is kept of a file: its first ``frames`` frames; of its sound the first ``samples``, or
    where it is in runs the first ``packets``."""

    frames: int
    samples: int
    packets: int


def fragments_of(
    file: BinaryIO, container: ContainerFormat, encoder: TakeEncoder, kept: Kept
) -> Iterator[bytes]:
    """The header and the fragments of the growing file, one after another."""
    header = FragmentMuxer(container, encoder.video, encoder.audio, audio_start=encoder.audio_start)
    yield header.header()
    with av.open(file, "r", options=dict(READING[container.note_kind])) as source:
        videos, sounds = source.streams.video, source.streams.audio
        muxer = FragmentMuxer(
            container, videos[0] if videos else None, sounds[0] if sounds else None
        )
        video: list[Packet[Stream]] = []
        audio: list[Packet[Stream]] = []
        size = 0
        for packet in _kept(source.demux(), container, encoder, kept):
            (video if packet.stream.type == "video" else audio).append(packet)
            size += packet.size
            if size > _FRAGMENT_BYTES:
                yield muxer.fragment(Encoded(tuple(video), tuple(audio)))
                video, audio, size = [], [], 0
        if size:
            yield muxer.fragment(Encoded(tuple(video), tuple(audio)))


def _kept(
    packets: Iterator[Packet[Stream]], container: ContainerFormat, encoder: TakeEncoder, kept: Kept
) -> Iterator[Packet[Stream]]:
    frames, samples, sounds = 0, 0, 0
    for packet in packets:
        if packet.dts is None:
            continue
        if packet.stream.type == "video":
            frames += 1
            if frames <= kept.frames:
                yield packet
        elif container.audio_in_runs:
            sounds += 1
            if sounds <= kept.packets:
                yield packet
        elif samples < kept.samples:
            width = 4 * encoder.format.channels
            left = (kept.samples - samples) * width
            samples += packet.size // width
            yield packet if packet.size <= left else _beginning_of(packet, left)


def _beginning_of(packet: Packet[Stream], size: int) -> Packet[Stream]:
    cut: Packet[Stream] = Packet(bytes(packet)[:size])
    cut.pts, cut.dts, cut.time_base = packet.pts, packet.dts, packet.time_base
    cut.stream = packet.stream
    return cut
