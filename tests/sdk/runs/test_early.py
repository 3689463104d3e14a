"""A size that no model of a family makes is refused before a checkpoint is looked at."""

from __future__ import annotations

import subprocess
import sys

import pytest

import longtake as lt
from longtake.runs.early import check_early
from tests.sdk.toy_family import FOG

SEEN: list[lt.ResolvedSampling] = []


def check_sampling(sampling: lt.ResolvedSampling) -> None:
    SEEN.append(sampling)
    if sampling.height % 2:
        raise lt.ValidationError("sampling.height", "must be even")


PICKY = FOG.evolve(check_sampling="tests.sdk.runs.test_early:check_sampling")


def request(
    height: int | None = None, state: lt.ContinuationState | None = None
) -> lt.GenerationRequest:
    return lt.GenerationRequest("fog", sampling=lt.Sampling(height=height), state=state)


def test_the_sampling_is_whole_when_the_family_is_asked() -> None:
    check_early(PICKY, request(height=2), preset="thick")
    assert (SEEN[-1].height, SEEN[-1].width, SEEN[-1].seed) == (2, 6, 5)
    with pytest.raises(lt.ValidationError, match=r"sampling\.height: must be even"):
        check_early(PICKY, request(height=3))


def test_what_the_take_or_the_checkpoint_says_is_left_to_them() -> None:
    check_early(PICKY, request(3, lt.ContinuationState("fog.v1", {})))
    check_early(PICKY, request(3), continued=True)
    check_early(PICKY.evolve(defaults={}), request(3))
    check_early(FOG, request(3))


LTX2 = """
import sys
import longtake as lt
from longtake.runs.early import check_early

try:
    family = lt.Registry.of("longtake_ltx2.plugin").family("ltx2")
    check_early(family, lt.GenerationRequest("x", sampling=lt.Sampling(height=100)))
except lt.ValidationError as error:
    heavy = {"torch", "numpy", "diffusers", "transformers", "PIL"} & set(sys.modules)
    print(error.path, sorted(heavy))
"""


def test_ltx2_refuses_a_size_without_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LTX2], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "sampling.height []\n"
