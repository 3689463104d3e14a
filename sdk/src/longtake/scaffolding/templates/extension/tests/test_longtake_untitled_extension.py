"""The preset adds its stage to LTX-2, and its takes stay LTX-2's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import longtake as lt
from longtake_ltx2.tiny import write_tiny_checkpoint

SMALL = lt.Sampling(height=64, width=64, num_frames=17, num_inference_steps=2, seed=7)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


def segment(
    checkpoint: Path, preset: str, state: lt.ContinuationState | None = None
) -> lt.GenerationResult:
    output = lt.Output(return_state=True, overlap_frames=9)
    request = lt.GenerationRequest("dusk", sampling=SMALL, output=output, state=state)
    with lt.load(checkpoint, preset=preset) as pipeline:
        return pipeline.generate(request)


def test_every_picture_is_marked_and_nothing_else_is_changed(checkpoint: Path) -> None:
    plain = segment(checkpoint, "ltx2_distilled")
    marked = segment(checkpoint, "untitled")
    assert (marked.frames[:, :8, :8] == 255).all()
    outside = np.ones((64, 64), bool)
    outside[:8, :8] = False
    np.testing.assert_array_equal(marked.frames[:, outside], plain.frames[:, outside])
    np.testing.assert_array_equal(marked.audio, plain.audio)


def test_a_take_goes_on_from_plain_to_extended_and_back(checkpoint: Path) -> None:
    plain: list[lt.GenerationResult] = []
    mixed: list[lt.GenerationResult] = []
    for preset in ("ltx2_distilled", "untitled", "ltx2_distilled"):
        plain.append(segment(checkpoint, "ltx2_distilled", plain[-1].state if plain else None))
        mixed.append(segment(checkpoint, preset, mixed[-1].state if mixed else None))
    assert mixed[1].state == plain[1].state
    np.testing.assert_array_equal(mixed[2].frames, plain[2].frames)


def test_a_wrong_option_is_refused_by_its_path(checkpoint: Path) -> None:
    request = lt.GenerationRequest("dusk", stage_overrides={"untitled": {"size": 0}})
    with (
        lt.load(checkpoint, preset="untitled", prepare=False) as pipeline,
        pytest.raises(lt.ValidationError, match="stage_overrides.untitled.size"),
    ):
        pipeline.check(request)
