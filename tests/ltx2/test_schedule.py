"""Noise levels: the published tables, fewer steps than they have, and the shifted schedule."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtake_ltx2.denoising.schedule import (
    DISTILLED_SIGMAS,
    REFINE_SIGMAS,
    fewer_steps,
    shifted_sigmas,
)


def test_the_published_tables() -> None:
    assert DISTILLED_SIGMAS == (1, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875, 0)
    assert REFINE_SIGMAS == (0.909375, 0.725, 0.421875, 0)


@pytest.mark.parametrize(
    ("steps", "levels"),
    [
        (1, (1, 0)),
        (2, (1, 0.421875, 0)),
        (3, (1, 0.725, 0.421875, 0)),
        (8, DISTILLED_SIGMAS),
    ],
)
def test_fewer_distilled_steps(steps: int, levels: tuple[float, ...]) -> None:
    assert fewer_steps(DISTILLED_SIGMAS, steps) == levels


def test_two_refine_steps_leave_out_725() -> None:
    assert fewer_steps(REFINE_SIGMAS, 2) == (0.909375, 0.421875, 0)
    assert fewer_steps(REFINE_SIGMAS, 3) == REFINE_SIGMAS


def brute_force(table: tuple[float, ...], steps: int) -> list[tuple[float, ...]]:
    """Every best choice, by comparing all choices in exact arithmetic; several are equally good."""
    levels = [Fraction(str(level)) for level in table]  # as decimals, where ties are ties
    choices = [
        (levels[0], *inner, levels[-1]) for inner in itertools.combinations(levels[1:-1], steps - 1)
    ]

    def better(one: tuple[Fraction, ...], other: tuple[Fraction, ...]) -> bool:
        drops = [[a - b for a, b in itertools.pairwise(choice)] for choice in (one, other)]
        for measure in (max, lambda d: d[-1], lambda d: sum(x * x for x in d)):
            mine, theirs = measure(drops[0]), measure(drops[1])
            if mine != theirs:
                return bool(mine < theirs)
        return False

    best = [c for c in choices if not any(better(other, c) for other in choices)]
    return [tuple(map(float, choice)) for choice in best]


@pytest.mark.parametrize("table", [DISTILLED_SIGMAS, REFINE_SIGMAS])
def test_fewer_steps_are_the_best_of_all(table: tuple[float, ...]) -> None:
    for steps in range(1, len(table)):
        assert fewer_steps(table, steps) in brute_force(table, steps)


@given(
    inner=st.lists(st.integers(1, 63), min_size=0, max_size=7, unique=True),
    data=st.data(),
)
@settings(deadline=None)
def test_both_ends_stay_and_levels_fall(inner: list[int], data: st.DataObject) -> None:
    table = (1.0, *(level / 64 for level in sorted(inner, reverse=True)), 0.0)
    steps = data.draw(st.integers(1, len(table) - 1))
    levels = fewer_steps(table, steps)
    assert levels in brute_force(table, steps)
    assert len(levels) == steps + 1
    assert (levels[0], levels[-1]) == (1.0, 0.0)
    assert all(high > low for high, low in itertools.pairwise(levels))


@pytest.mark.parametrize("steps", [-1, 0, 9])
def test_steps_that_a_table_lacks_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match="1 to 8 steps"):
        fewer_steps(DISTILLED_SIGMAS, steps)


@pytest.mark.parametrize("steps", [-3, 0, 1])
def test_the_shifted_schedule_needs_two_steps(steps: int) -> None:
    with pytest.raises(ValueError, match="at least 2 steps"):
        shifted_sigmas(steps, 4096)


@pytest.mark.parametrize("tokens", [1, 24, 1024, 2000, 4096, 6144, 30000])
@pytest.mark.parametrize("steps", [2, 3, 8, 30, 40])
def test_shifted_like_diffusers(steps: int, tokens: int) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler
    from diffusers.pipelines.ltx2.pipeline_ltx2_condition import calculate_shift

    scheduler = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        shift_terminal=0.1,
    )
    mu = calculate_shift(tokens, 1024, 4096, 0.95, 2.05)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), mu=mu)
    assert scheduler.sigmas.tolist() == list(shifted_sigmas(steps, tokens))


@given(steps=st.integers(2, 200), tokens=st.integers(1, 12_000))
@settings(deadline=None)
def test_shifted_levels_fall_from_one_to_a_tenth_to_zero(steps: int, tokens: int) -> None:
    levels = shifted_sigmas(steps, tokens)
    assert len(levels) == steps + 1
    assert levels[0] == 1.0
    assert levels[-2] == pytest.approx(0.1, abs=1e-6)
    assert levels[-1] == 0.0
    assert all(high > low for high, low in itertools.pairwise(levels))


def test_more_tokens_keep_the_noise_longer() -> None:
    few, many = shifted_sigmas(8, 24), shifted_sigmas(8, 4096)
    assert all(low < high for low, high in zip(few[1:-2], many[1:-2], strict=True))
    assert max(high - low for low, high in zip(few, many, strict=True)) > 0.1
