"""Loading and generating leave the random numbers of the process as they are."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from tests.ltx2.support import Checkpoints
from tests.ltx2.watching import quick


def states() -> tuple[Any, Any, Any]:
    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()


def seed() -> None:
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)


def loaded(path: Path) -> None:
    lt.load(path).close()


def generated(path: Path) -> None:
    """Without traces: OpenTelemetry draws their ids from the random numbers of the process."""
    registry = lt.Registry.of("longtake.builtin", "longtake_ltx2.plugin")
    with lt.load(path, prepare=False, registry=registry) as pipeline:
        pipeline.generate(lt.GenerationRequest("rain", stage_overrides=quick()))


@pytest.mark.parametrize("generation", ["2.0", "2.3", "2.5"])
@pytest.mark.parametrize("use", [loaded, generated])
def test_the_global_random_states(
    checkpoints: Checkpoints, generation: Any, use: Callable[[Path], None]
) -> None:
    path = checkpoints.path(generation)
    seed()
    before = states()
    use(path)
    assert states() == before
    drawn = random.random(), np.random.rand(), float(torch.rand(1))
    seed()
    assert drawn == (random.random(), np.random.rand(), float(torch.rand(1)))


def test_they_are_kept_when_loading_fails(tiny: Path, tmp_path: Path) -> None:
    seed()
    before = states()
    with pytest.raises(lt.LongtakeError):
        lt.load(tmp_path)
    assert states() == before
