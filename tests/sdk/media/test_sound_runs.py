"""Runs of AAC: every packet depends on the sound near it, and neighbours fit each other."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from longtake.media.encoder import TakeEncoder, TakeFormat
from longtake.media.formats import CONTAINER_FORMATS
from longtake.media.sound_runs import (
    BLOCK,
    OPENING,
    Opening,
    PendingSound,
    begin_sound,
    encode_end,
    encode_sound,
    splice_sound,
)

Packets = dict[int, bytes]
Audio = NDArray[np.float32]


class Runs:
    """Encodes with the encoders of a take's files, and counts how many samples they hear."""

    def __init__(self, channels: int = 1, rate: int = 24_000) -> None:
        self._encoder = TakeEncoder(
            CONTAINER_FORMATS[".m4a"], TakeFormat(0, 0, channels, rate), Fraction(24)
        )
        self.run = self._encoder.run
        self.close = self._encoder.close


def struck(samples: int, channels: int = 1) -> Audio:
    """Decaying noise at irregular times: encoders change between long and short transforms."""
    noise = np.random.default_rng(1)
    wave = 0.05 * np.sin(np.arange(samples) / 9)
    for start in range(100, samples, 3_331):
        length = min(500, samples - start)
        wave[start : start + length] += np.exp(-np.arange(length) / 80) * noise.normal(size=length)
    return np.repeat(np.clip(wave * 0.4, -1, 1)[None], channels, axis=0).astype(np.float32)


def encoded(
    runs: Runs, sound: Audio, lengths: list[int], first: int = 0
) -> tuple[Packets, list[PendingSound]]:
    """The packets of segments of these lengths, and what was pending after each."""
    pending, packets, ends = begin_sound(sound.shape[0], first), [], []
    at = first
    for length in lengths:
        more, pending = encode_sound(pending, sound[:, at : at + length], runs.run)
        packets += more
        ends.append(pending)
        at += length
    packets += encode_end(pending, runs.run)
    return {int(packet.pts or 0): bytes(packet) for packet in packets}, ends


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=6), st.integers(0, 5_000))
def test_every_packet_is_there_once_and_in_order(lengths: list[int], first: int) -> None:
    runs, end = Runs(), first + sum(lengths)
    packets, ends = encoded(runs, struck(end + 1), lengths, first)
    runs.close()
    expected = list(range(first // BLOCK * BLOCK - BLOCK, end, BLOCK)) if end > first else []
    assert list(packets) == expected
    assert all(pending.samples.shape[1] <= 8 * BLOCK for pending in ends)
    assert all(
        end.end - end.next_packet <= 3 * BLOCK for end in ends if end.end > first + 3 * BLOCK
    )


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.integers(0, 12_000), min_size=2, max_size=6),
    st.integers(1, 5),
    st.integers(0, 3_000),
)
def test_two_files_spliced_are_the_one_file(lengths: list[int], cut: int, first: int) -> None:
    cut = min(cut, len(lengths) - 1)
    runs, sound = Runs(), struck(first + sum(lengths) + 1)
    whole, _ = encoded(runs, sound, lengths, first)
    head, ends = encoded(runs, sound, lengths[:cut], first)
    joint = first + sum(lengths[:cut])
    tail, _ = encoded(runs, sound, lengths[cut:], joint)

    openings, at = [], joint
    for length in lengths[cut:]:
        if at < joint + OPENING:
            samples = sound[:, at : min(at + length, joint + OPENING)]
            openings.append(Opening(samples, length))
        at += length
    splice = splice_sound(ends[-1], openings, runs.run)
    between = splice.packets
    if splice.goes_on is None:
        between = between + encode_end(splice.pending, runs.run)
    runs.close()

    joined = {at: data for at, data in head.items() if at < ends[-1].next_packet}
    joined |= {int(packet.pts or 0): bytes(packet) for packet in between}
    if splice.goes_on is not None:
        joined |= {at: data for at, data in tail.items() if at >= splice.goes_on}
    assert joined == whole


def window(packet: bytes) -> tuple[int, int]:
    """Window sequence and shape of a packet of one channel (ISO/IEC 14496-3, 4.4.2.1)."""
    bits = f"{int.from_bytes(packet[:4], 'big'):032b}"
    assert bits[:3] == "000"  # a single channel
    return int(bits[16:18], 2), int(bits[18])


ONLY_LONG, LONG_START, EIGHT_SHORT, LONG_STOP = range(4)
FOLLOWS = {
    ONLY_LONG: (ONLY_LONG, LONG_START),
    LONG_STOP: (ONLY_LONG, LONG_START),
    LONG_START: (EIGHT_SHORT, LONG_STOP),
    EIGHT_SHORT: (EIGHT_SHORT, LONG_STOP),
}


@pytest.mark.parametrize("length", [1_000, 5_555, 9_001, 30_000])
def test_windows_of_neighbouring_runs_fit(length: int) -> None:
    """Else what one packet folds back is not what the next one takes away: a click."""
    runs, sound = Runs(), struck(120_000)
    packets, _ = encoded(runs, sound, [length] * (120_000 // length))
    runs.close()
    sequences = [window(packet)[0] for packet in packets.values()]
    assert EIGHT_SHORT in sequences
    for one, other in itertools.pairwise(sequences):
        assert other in FOLLOWS[one]
