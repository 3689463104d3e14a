"""AAC whose packets depend on the sound near them alone, whichever process encodes what.

An encoder of AAC never forgets: its rate control is the sum of all it has seen. So a take's sound
is encoded in *runs*, each by an encoder of its own that sees a stretch of the take fixed by the
segments. Packets lie on the take's grid: packet p is a window over the samples ``[p, p + 2048)``,
p a multiple of 1024, and decoders give ``[p, p + 1024)`` from it and the packet before.

A segment whose first sample is S has two runs. Its *seam* goes on from the last samples of the
segment before and ends where its *body* begins, at C: 3072 samples after the grid point from S on.
The body sees the segment alone and ends at the last packet that needs nothing of what follows. A
segment too short for a body has a seam alone. At both of its ends a run shares at least 3072
samples with its neighbour. From those both take the same decision between a long and eight short
transforms, so their windows fit and the aliasing of one packet cancels the other's. Before its
first sample a run hears the sound that follows mirrored, so that it begins without an onset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np
from attrs import frozen
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "OPENING",
    "Opening",
    "PendingSound",
    "Run",
    "Splice",
    "begin_sound",
    "encode_end",
    "encode_sound",
    "splice_sound",
]

BLOCK = 1024
"""Samples from one packet to the next."""

_SHARED = 4 * BLOCK
"""Samples that a seam hears before its first packet."""

_BODY = 3 * BLOCK
"""From the grid point at a segment's beginning to the first packet of its body."""

_MIRRORED = 12 * BLOCK
"""Samples that a run hears before its first sample, until its rate control has settled."""

_AHEAD = 2 * BLOCK
"""How far beyond the next packet's beginning an encoder must have heard to give it: one window,
and as much again to choose the transform."""

OPENING = 16 * BLOCK
"""Samples at a file's beginning: as far as what comes before them may change their packets."""

Audio = NDArray[np.float32]
Run: TypeAlias = "Callable[[Audio, int, bool], Iterator[Packet[Stream]]]"
"""Encodes samples whose first is at a position of the take, which is on the grid; the last argument
says that nothing follows. Gives packets whose ``pts`` count samples of the take."""


@frozen(eq=False)
class PendingSound:
    """The end of the sound so far, from which the next run goes on.

    ``samples``: float32 ``[channels, n]``, the take's from ``first`` on. ``next_packet``: the
    position of the first packet that is not encoded yet, because it depends on what follows.
    """

    samples: Audio
    first: int
    next_packet: int

    @property
    def end(self) -> int:
        """The take's sample after the last one."""
        return self.first + int(self.samples.shape[1])


def begin_sound(channels: int, first_sample: int) -> PendingSound:
    """No sound yet, in a file whose sound begins at ``first_sample`` of the take."""
    nothing = np.zeros((channels, 0), np.float32)
    return PendingSound(nothing, first_sample, _down(first_sample) - BLOCK)


def encode_sound(
    pending: PendingSound, samples: Audio, run: Run
) -> tuple[list[Packet[Stream]], PendingSound]:
    """Encode the samples of a segment, as far as they depend on nothing that follows."""
    joined = np.concatenate([pending.samples, samples], axis=1)
    begin, until = pending.end, _down(pending.end + samples.shape[1]) - _AHEAD
    body = _body_of(begin, samples.shape[1])
    packets: list[Packet[Stream]] = []
    if body is not None:
        if not pending.samples.shape[1]:
            body = pending.next_packet  # nothing comes before: the body's own run has it all
        heard = joined[:, : body + _AHEAD - pending.first]
        packets += _between(run, heard, pending.first, (pending.next_packet, body))
        packets += _between(run, samples, begin, (body, until))
    elif pending.next_packet < until:
        packets += _between(run, joined, pending.first, (pending.next_packet, until))
    following = max(pending.next_packet, until)
    first = max(pending.first, following - _SHARED)
    rest = joined[:, first - pending.first :].copy()
    return packets, PendingSound(rest, first, following)


@frozen(eq=False)
class Opening:
    """A segment at the beginning of a file that another file comes before.

    ``samples``: float32 ``[channels, n]``, those of its first `OPENING` that belong to the
    segment. ``num_samples``: how many it has in all.
    """

    samples: Audio
    num_samples: int


@frozen(eq=False)
class Splice:
    """What lies between two files whose sound joins.

    ``packets``: those from the first file's `PendingSound.next_packet` on. ``goes_on``: the
    position from which those of the second file follow, which depend on nothing before it; None
    where the second file is shorter than that, and ``pending`` is then the end of all its sound.
    """

    packets: list[Packet[Stream]]
    goes_on: int | None
    pending: PendingSound


def splice_sound(pending: PendingSound, openings: Iterable[Opening], run: Run) -> Splice:
    """Join two files' sound as one process would have made it.

    ``pending``: the end of the first file's. ``openings``: the first segments of the second.
    """
    joint = pending.end
    packets: list[Packet[Stream]] = []
    for opening in openings:
        body = _body_of(pending.end, opening.num_samples)
        if body is not None:
            heard = opening.samples[:, : max(0, body + _AHEAD - pending.end)]
            joined = np.concatenate([pending.samples, heard], axis=1)
            span = (pending.next_packet, body)
            packets += _between(run, joined, pending.first, span)
            return Splice(packets, body, pending)
        more, pending = encode_sound(pending, opening.samples, run)
        packets += more
        if pending.first >= joint:
            return Splice(packets, pending.next_packet, pending)
    return Splice(packets, None, pending)


def _body_of(begin: int, num_samples: int) -> int | None:
    """Where the body of a segment begins; None for one too short to have one."""
    body = _up(begin) + _BODY
    return body if body < _down(begin + num_samples) - _AHEAD else None


def encode_end(pending: PendingSound, run: Run) -> list[Packet[Stream]]:
    """Encode what is pending when nothing follows."""
    if not pending.samples.shape[1]:
        return []
    span = (pending.next_packet, pending.end)
    return _between(run, pending.samples, pending.first, span, ends=True)


def _between(
    run: Run, samples: Audio, first: int, span: tuple[int, int], *, ends: bool = False
) -> list[Packet[Stream]]:
    """The packets from ``span[0]`` to before ``span[1]`` of a run over ``samples``."""
    if span[0] >= span[1]:
        return []
    before = first - _down(first) + _MIRRORED
    heard = np.pad(samples, ((0, 0), (before, 0)), mode="reflect")
    packets = run(heard, first - before, ends)
    return [packet for packet in packets if span[0] <= (packet.pts or 0) < span[1]]


def _down(sample: int) -> int:
    return sample // BLOCK * BLOCK


def _up(sample: int) -> int:
    return -(-sample // BLOCK) * BLOCK
