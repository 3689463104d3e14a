"""What is projected to the real size is what torch counts at a tiny one, on both sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch.nn.attention import SDPBackend, sdpa_kernel

import longtake as lt
from benchmarks.harness import Figure
from benchmarks.projections import OVERLAP, figures, projected, request_of
from benchmarks.segment import GUIDANCE, Asked, stg_blocks, stock_options
from longtake_ltx2.tiny import TINY, Generation, write_tiny_checkpoint
from tests.ltx2.support import FlopCounter


def counted(run: Callable[[], Any]) -> tuple[int, Any]:
    counter = FlopCounter()
    with sdpa_kernel(SDPBackend.MATH), counter:
        made = run()
    return counter.total, made


def counted_take(pipeline: lt.Pipeline, request: lt.GenerationRequest) -> tuple[int, int]:
    """The first segment, and the one that goes on from it with the same prompts."""
    first, made = counted(lambda: pipeline.generate(request))
    second, _ = counted(lambda: pipeline.generate(evolve(request, state=made.state)))
    return first, second


def counted_stock(path: Path, work: Asked) -> tuple[int, int]:
    """diffusers' pipeline without and with frames to go on from."""
    from diffusers import LTX2ConditionPipeline
    from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

    pipe = LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    options = stock_options(pipe, path, work)
    frames = np.full((OVERLAP, work.height, work.width, 3), 128, np.uint8)

    def call(conditions: Any) -> Any:
        seeded = torch.Generator("cpu").manual_seed(1)
        return pipe(conditions=conditions, generator=seeded, **options)

    without, _ = counted(lambda: call(None))
    given, _ = counted(lambda: call([LTX2VideoCondition(frames, 0, 1.0, 0)]))
    return without, given


@pytest.mark.parametrize(
    ("generation", "guidance"),
    [("2.0", "none"), ("2.0", "all"), ("2.3", "text"), ("2.5", "all")],
)
def test_both_sides_are_what_torch_counts(
    tmp_path: Path, generation: Generation, guidance: str
) -> None:
    path = tmp_path / "model"
    write_tiny_checkpoint(path, generation=generation, size=TINY)
    work = Asked(guidance, steps=2, height=64, width=96, num_frames=25)
    request = request_of(
        work.shape,
        num_inference_steps=work.steps,
        stg_blocks=stg_blocks(path),
        **GUIDANCE[guidance],
    )
    with lt.load(path, dtype="float32", device="cpu") as pipeline:
        sides = projected("tiny", path, pipeline.preset.name, request)
        assert tuple(each.ours.total for each in sides) == counted_take(pipeline, request)
    assert tuple(each.stock.total for each in sides) == counted_stock(path, work)


def test_a_table_of_one_generation() -> None:
    told = list(figures(["2.3"], {"height": 64, "width": 96, "num_frames": 25}))
    ratios = {each.name: each.value for each in told if isinstance(each, Figure)}
    assert len(ratios) == 8  # two modes, two places, the segment and its loop
    assert ratios["2.3, four passes, first segment, denoising"] > 1
