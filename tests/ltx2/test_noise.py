"""Generators of noise: every bit of a seed counts, and short seeds are those of torch."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake_ltx2.denoising.steps import AncestralSteps
from longtake_ltx2.noise import Purpose, noise_generator
from longtake_ltx2.values import Stream
from tests.ltx2.support import Checkpoints

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
SHORT = st.integers(0, 2**32 - 1)
SEEDS = st.integers(0, 2**64 - 1)


def drawn(generator: torch.Generator) -> tuple[int, ...]:
    """32 numbers of 31 bits."""
    return tuple(torch.randint(0, 2**31, (32,), generator=generator).tolist())


@given(SHORT)
def test_a_short_seed_is_torchs_own(seed: int) -> None:
    expected = torch.Generator("cpu").manual_seed(seed).get_state()
    for purpose in PURPOSES:
        assert torch.equal(noise_generator(seed, purpose).get_state(), expected)


@given(SHORT, SEEDS)
def test_short_noise_of_another_purpose(seed: int, short: int) -> None:
    expected = torch.Generator("cpu").manual_seed(short % 2**32)
    assert drawn(noise_generator(seed, "steps", short=short)) == drawn(expected)


@given(SEEDS, SEEDS)
def test_different_seeds_give_different_noise(one: int, other: int) -> None:
    if one != other:
        assert drawn(noise_generator(one)) != drawn(noise_generator(other))


@given(SHORT, st.integers(1, 2**32 - 1))
def test_high_bits_alone_make_other_noise(low: int, high: int) -> None:
    assert drawn(noise_generator(low)) != drawn(noise_generator(low + high * 2**32))


@pytest.mark.parametrize("bit", range(64))
def test_every_bit_counts(bit: int) -> None:
    for seed in (0, 7, 2**40 + 5, 2**64 - 1):
        assert drawn(noise_generator(seed)) != drawn(noise_generator(seed ^ (1 << bit)))


@given(st.integers(2**32, 2**64 - 1))
def test_purposes_of_a_wide_seed_share_no_noise(seed: int) -> None:
    assert len({drawn(noise_generator(seed, each, short=5)) for each in PURPOSES}) == len(PURPOSES)


@given(st.integers(2**32, 2**64 - 1), st.sampled_from(PURPOSES))
def test_a_wide_seed_is_the_documented_state_of_a_mersenne_twister(
    seed: int, purpose: Purpose
) -> None:
    """numpy's twister, filled as documented, draws the same words."""
    digest = hashlib.shake_256(f"{seed}:{purpose}".encode()).digest(624 * 4)
    twister = np.random.MT19937(0)
    filled = twister.state
    filled["state"] = {"key": np.frombuffer(digest, "<u4").astype(np.uint32), "pos": 624}
    twister.state = filled
    expected = twister.random_raw(1000) % 2**24
    actual = torch.randint(0, 2**24, (1000,), generator=noise_generator(seed, purpose))
    assert actual.tolist() == expected.tolist()


def test_noise_of_a_wide_seed_is_normal() -> None:
    noise = torch.cat([torch.randn(1000, generator=noise_generator(2**32 + n)) for n in range(200)])
    assert abs(float(noise.mean())) < 0.01
    assert abs(float(noise.std()) - 1) < 0.01


def test_a_wide_seed_is_the_same_in_every_process() -> None:
    program = (
        "import torch; from longtake_ltx2.noise import noise_generator\n"
        "for seed in (7, 2**32 + 7, 2**64 - 1):\n"
        "    print(torch.randint(0, 2**31, (3,), generator=noise_generator(seed)).tolist())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == KNOWN


KNOWN = [
    "[976413892, 1369975286, 2053951699]",
    "[813823119, 1569131909, 1455808532]",
    "[2056688842, 481234052, 1455591245]",
]
"""SHAKE-256 is the same everywhere, and so is torch's twister on the CPU."""


def test_torchs_own_generator_does_not_move() -> None:
    before = torch.get_rng_state()
    drawn(noise_generator(3))
    drawn(noise_generator(2**40))
    assert torch.equal(torch.get_rng_state(), before)


def fresh_noise(seed: int) -> tuple[float, ...]:
    """What a step of the ancestral sampler adds to latents of zeros."""
    zeros, all_new = torch.zeros(1, 4, 4), torch.ones(1, 4, 1)
    stream = Stream(zeros, zeros, all_new, coordinates=torch.zeros(1, 3, 4, 2))
    onwards = AncestralSteps(seed, torch.float32)
    made = onwards(zeros, zeros, stream, torch.tensor(0.9), torch.tensor(0.5))
    return tuple((made / made.flatten()[0]).flatten().tolist())


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 5])
def test_fresh_noise_of_a_short_seed(seed: int) -> None:
    """Ten thousand more, as in ltx-pipelines, in the 32 bits that torch takes."""
    noise = torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(seed + 10_000))
    expected = (noise / noise.flatten()[0]).flatten().tolist()
    assert fresh_noise(seed) == pytest.approx(expected, rel=1e-5)


def test_fresh_noise_of_wide_seeds() -> None:
    seeds = (7, 7 + 2**32, 7 + 2**63, 2**64 - 1, 9999, 2**64 - 5)
    assert len({fresh_noise(seed) for seed in seeds}) == len(seeds)


@pytest.fixture(scope="module", params=["2.0", "2.5"])
def pipeline(request: pytest.FixtureRequest, checkpoints: Checkpoints) -> Iterator[lt.Pipeline]:
    with lt.load(checkpoints.path(request.param)) as pipeline:
        yield pipeline


def frames(pipeline: lt.Pipeline, seed: int) -> lt.GenerationResult:
    sampling = lt.Sampling(seed=seed, num_frames=9, height=64, width=64, num_inference_steps=2)
    return pipeline.generate(lt.GenerationRequest("rain", sampling=sampling))


def test_pictures_and_sound_of_seeds_that_differ_in_high_bits(pipeline: lt.Pipeline) -> None:
    short, wide = frames(pipeline, 7), frames(pipeline, 7 + 2**32)
    assert short.audio is not None and wide.audio is not None
    assert not np.array_equal(short.frames, wide.frames)
    assert not np.array_equal(short.audio, wide.audio)
    assert np.array_equal(wide.frames, frames(pipeline, 7 + 2**32).frames)
