"""The packets of several files as those of one, on one clock; only what must be is encoded."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property

import av
import numpy as np
from attrs import field, frozen
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from longtake.media.encoder import TakeEncoder
from longtake.media.formats import ContainerFormat
from longtake.media.muxing import READING, Encoded, FragmentMuxer
from longtake.media.reader import as_rgb
from longtake.media.sound_runs import BLOCK, Opening, PendingSound, splice_sound
from longtake.media.streams import TakePlace

__all__ = ["SplicedFile", "fragments_of_files"]

_FRAGMENT_BYTES = 32 * 2**20


@frozen(eq=False)
class SplicedFile:
    """A file to be spliced: the path, where in the take it begins, and what it holds.

    ``place``: of its first frame and sample. ``first_packet``: where in the take its first packet
    of sound begins. ``segments``: how many frames each segment has.
    ``frames``, ``samples``: in all. ``openings``: its first segments, as
    `longtake.media.sound_runs.splice_sound` reads them. ``pending``: the end of its sound; None
    where it is complete in the file, at the end of a take.
    """

    path: str
    place: TakePlace
    first_packet: int
    segments: Sequence[int]
    frames: int
    samples: int
    openings: Sequence[Opening] = ()
    pending: PendingSound | None = field(default=None)


def fragments_of_files(
    files: Sequence[SplicedFile], container: ContainerFormat, encoder: TakeEncoder
) -> Iterator[bytes]:
    """The bytes of a growing file that holds all of ``files``, which go on where another ends.

    ``encoder``: of the whole, with as many frames as there will be; at the end of the iteration it
    has the end of the sound pending, which is not in the bytes.
    """
    splicing = _Splicing(container, encoder)
    yield splicing.header()
    for number, file in enumerate(files):
        yield from splicing.file(file, first=not number)


class _Splicing:
    def __init__(self, container: ContainerFormat, encoder: TakeEncoder) -> None:
        self._container = container
        self._encoder = encoder
        self._frame = 0
        self._fragments = 0
        self._muxer = self._muxer_for(None)

    def header(self) -> bytes:
        return self._muxer.header()

    def file(self, file: SplicedFile, *, first: bool) -> Iterator[bytes]:
        sound = _SoundOf(file, self._encoder, self._container, first=first)
        with av.open(file.path, options=dict(READING[self._container.note_kind])) as source:
            copied = self._is_alike(source)
            self._muxer = self._muxer_for(source if copied else None)
            if not copied:
                yield from self._encoded_pictures(file)
            if seam := sound.seam():
                yield self._fragment([], [self._on_clock(packet) for packet in seam])
            yield from self._copied(source, file, sound, pictures=copied)
        sound.leave()

    def _muxer_for(self, source: InputContainer | None) -> FragmentMuxer:
        """What writes fragments: packets have the form that their own stream says."""
        video, audio = self._encoder.video, self._encoder.audio
        if source is not None:
            video = video and next(iter(source.streams.video), video)
            audio = audio and next(iter(source.streams.audio), audio)
        start = self._encoder.audio_start
        return FragmentMuxer(
            self._container, video, audio, audio_start=start, fragments=self._fragments
        )

    def _fragment(self, video: Iterable[Packet[Stream]], audio: Iterable[Packet[Stream]]) -> bytes:
        self._fragments += 1
        return self._muxer.fragment(Encoded(tuple(video), tuple(audio)))

    def _copied(
        self, source: InputContainer, file: SplicedFile, sound: _SoundOf, *, pictures: bool
    ) -> Iterator[bytes]:
        video: list[Packet[Stream]] = []
        audio: list[Packet[Stream]] = []
        size, end = 0, self._frame + (file.frames if pictures else 0)
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video":
                if self._frame >= end:
                    continue
                video.append(self._next_picture(packet))
            else:
                heard = sound.heard(packet)
                if heard is None:
                    continue
                audio.append(self._on_clock(heard))
            size += packet.size
            if size > _FRAGMENT_BYTES:
                yield self._fragment(video, audio)
                video, audio, size = [], [], 0
        if video or audio:
            yield self._fragment(video, audio)

    def _is_alike(self, source: InputContainer) -> bool:
        """Whether its pictures can be copied: a decoder that has the one header reads them."""
        videos = source.streams.video
        if not videos or self._encoder.video is None:
            return True
        return videos[0].codec_context.extradata == self._codec_header

    @cached_property
    def _codec_header(self) -> bytes | None:
        """What the file says of its pictures to decoders, in the form that its container has."""
        if self._container.note_kind == "box":  # the muxer writes H.264's in another form
            with av.open(io.BytesIO(self.header()), "r") as written:
                return written.streams.video[0].codec_context.extradata
        assert self._encoder.video is not None
        return self._encoder.video.codec_context.extradata

    def _encoded_pictures(self, file: SplicedFile) -> Iterator[bytes]:
        """The pictures, encoded again: a segment begins with a key picture, as it did."""
        with av.open(file.path) as source:
            decoded = source.decode(video=0)
            for count in file.segments:
                if count:
                    frames = np.stack([as_rgb(next(decoded)) for _ in range(count)])
                    made = self._encoder.encode(frames, None).video
                    yield self._fragment(map(self._next_picture, made), [])

    def _next_picture(self, packet: Packet[Stream]) -> Packet[Stream]:
        packet.pts = packet.dts = self._frame
        packet.duration = 1
        packet.time_base = 1 / self._encoder.fps
        self._frame += 1
        return packet

    def _on_clock(self, packet: Packet[Stream]) -> Packet[Stream]:
        assert packet.pts is not None
        packet.pts -= self._encoder.zero_sample
        packet.dts = packet.pts
        packet.time_base = Fraction(1, self._encoder.format.sample_rate)
        return packet


class _SoundOf:
    """Which of a file's packets of sound are kept, and what is encoded before them.

    Packets have the take's samples as their times.
    """

    def __init__(
        self, file: SplicedFile, encoder: TakeEncoder, container: ContainerFormat, *, first: bool
    ) -> None:
        self._file = file
        self._encoder = encoder
        self._runs = container.audio_in_runs
        self._first = first
        self._pending = file.pending
        self._begins = self._next = file.first_packet
        end = file.place.first_sample + file.samples
        self._ends = end
        if file.pending is not None:
            self._ends = file.pending.next_packet
        elif self._runs and encoder.pads_audibly(end):
            self._ends = (end - 1) // BLOCK * BLOCK

    def seam(self) -> list[Packet[Stream]]:
        """What is encoded anew between the file before and this one."""
        if self._first or not self._runs or self._encoder.audio is None:
            return []
        before = self._encoder.pending
        splice = splice_sound(before, self._file.openings, self._encoder.run)
        if splice.goes_on is None:  # too short to have packets of its own
            self._begins, self._pending = _NEVER, splice.pending
        else:
            self._begins = splice.goes_on
        return splice.packets

    def heard(self, packet: Packet[Stream]) -> Packet[Stream] | None:
        """The packet with its time in the take; None when it is not kept."""
        place = self._next
        width = 4 * self._encoder.format.channels
        self._next += BLOCK if self._runs else packet.size // width
        if not self._begins <= place < self._ends:
            return None
        packet.pts = place
        return packet

    def leave(self) -> None:
        """The file is done; the next one goes on from the end of its sound."""
        end = self._file.place.first_sample + self._file.samples
        if self._pending is not None:
            self._encoder.pending = self._pending
        elif self._encoder.audio is not None:
            channels = self._encoder.format.channels
            self._encoder.pending = PendingSound(np.zeros((channels, 0), np.float32), end, end)


_NEVER = 2**62
