"""The clock of a take over thousands of simulated segments: nothing lost, doubled or shifted."""

from __future__ import annotations

import random
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtake_ltx2.clock import (
    DECODE_CONTEXT_LATENTS,
    SegmentClock,
    TakeClock,
    first_segment,
    latents_until,
    next_segment,
    samples_of,
    samples_until,
)

FRAME_RATES = [
    Fraction(24),
    Fraction(25),
    Fraction(30),
    Fraction(48),
    Fraction(50),
    Fraction(60),
    Fraction(24000, 1001),
    Fraction(30000, 1001),
]
SOUNDS = [(24000, 18), (48000, 52)]


def roll(clock: TakeClock | None, frames: int, overlap: int, fps: Fraction) -> SegmentClock:
    if clock is None:
        return first_segment(frames, fps)
    return next_segment(clock, frames, overlap)


@pytest.mark.parametrize(("rate", "look_ahead"), SOUNDS)
@pytest.mark.parametrize("fps", FRAME_RATES, ids=str)
def test_thousand_segments_hand_out_every_frame_and_sample_once(
    fps: Fraction, rate: int, look_ahead: int
) -> None:
    rng = random.Random(f"{fps}:{rate}")
    hop = rate // 100
    clock: TakeClock | None = None
    frames = samples = latents = 0
    for _ in range(1000):
        overlap = 0 if clock is None else rng.choice([n for n in (1, 9, 17, 25) if n <= frames])
        count = max(overlap, 1) + 8 * rng.randint(1, 20)
        segment = roll(clock, count, overlap, fps)
        assert segment.first_frame + segment.repeated_frames == frames
        assert segment.first_latent + segment.context_latents == latents
        assert segment.samples_before == samples
        assert segment.position_offset >= 0
        assert Fraction(segment.first_latent, 25) <= Fraction(segment.first_frame) / fps
        stop = max(samples, samples_of(segment.end_latent, rate) - look_ahead * hop)
        decoded_from = max(0, min(latents - DECODE_CONTEXT_LATENTS, segment.first_latent))
        assert samples - 4 * decoded_from * hop >= 0
        frames += count - overlap
        samples, latents = stop, segment.end_latent
        clock = segment.after(samples)
        assert (clock.frames, clock.latents) == (frames, latents_until(frames, fps))
    total = samples_until(frames, fps, rate)
    assert total == floor(Fraction(frames * rate) / fps + Fraction(1, 2))
    assert 0 <= total - samples_of(latents, rate) <= rate * 6 // 100


def test_worked_example() -> None:
    """24 fps, 121 frames, 9 repeated, 24 kHz."""
    fps, hop = Fraction(24), 240
    first = first_segment(121, fps)
    assert first.num_latents == 126
    clock = first.after(samples_of(first.end_latent, 24000) - 18 * hop)
    second = next_segment(clock, 121, 9)
    assert (second.first_latent, second.num_latents) == (75, 168)
    assert second.position_offset == Fraction(5, 3)
    decoded_from = clock.latents - DECODE_CONTEXT_LATENTS
    start = (clock.samples or 0) - 4 * decoded_from * hop
    end = samples_of(second.end_latent, 24000) - 18 * hop
    assert (start, end - 4 * decoded_from * hop) == (56400, 168720)
    third = next_segment(second.after(end), 121, 9)
    assert (third.first_latent, third.num_latents) == (192, 167)


@pytest.mark.parametrize(("frames", "latents"), [(121, 126), (49, 51), (25, 26)])
def test_audio_latents_of_a_single_segment(frames: int, latents: int) -> None:
    assert first_segment(frames, Fraction(24)).num_latents == latents


@given(
    fps=st.sampled_from(FRAME_RATES),
    overlap=st.sampled_from([1, 9, 17, 33, 121]),
    new=st.integers(1, 40),
    context=st.integers(0, 200),
)
@settings(max_examples=200, deadline=None)
def test_a_segment_is_the_same_wherever_it_is_rolled(
    fps: Fraction, overlap: int, new: int, context: int
) -> None:
    """The clock that travels is enough: reading it back gives the same segment."""
    frames = overlap + 8 * new
    clock = first_segment(frames, fps).after(0)
    carried = TakeClock(clock.frames, clock.fps, clock.latents, clock.samples)
    segment = next_segment(carried, frames, overlap, context_latents=context)
    assert segment == next_segment(clock, frames, overlap, context_latents=context)
    assert segment.end_frame == clock.frames + 8 * new
    assert segment.context_latents >= min(context, clock.latents)
