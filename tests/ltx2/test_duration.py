"""The length that a prompt implies: as diffusers predicts it, within bounds, or a clear refusal."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

import longtake as lt
from longtake_ltx2 import predict_num_frames
from tests.ltx2.support import Checkpoints

PROMPTS = ["", "fog", "a lighthouse in the fog", "waves, and a man who tells a long story"]


@pytest.fixture(scope="module")
def pipeline(checkpoints: Checkpoints) -> Iterator[lt.Pipeline]:
    with lt.load(checkpoints.path("2.5"), device="cpu") as loaded:
        yield loaded


@functools.cache
def diffusers_pipeline(path: Path) -> Any:
    from diffusers import LTX2ConditionPipeline

    return LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)


@torch.no_grad()
def expected(path: Path, prompt: str, fps: float, least: float, most: float) -> int:
    pipe = diffusers_pipeline(path)
    length = pipe.tokenizer.model_max_length
    embeds, mask, _, _ = pipe.encode_prompt(
        prompt, do_classifier_free_guidance=False, max_sequence_length=length
    )
    video, audio, _ = pipe.connectors(embeds, mask, padding_side=pipe.tokenizer_padding_side)
    return int(
        pipe.duration_head.predict_num_frames(
            video,
            audio,
            frame_rate=fps,
            temporal_compression_ratio=pipe.vae_temporal_compression_ratio,
            min_seconds=least,
            max_seconds=most,
        )
    )


@pytest.mark.parametrize(("fps", "least", "most"), [(24, 1, 20), (29.97, 0, 1000), (24, 4, 5)])
def test_as_diffusers_predicts(
    pipeline: lt.Pipeline, checkpoints: Checkpoints, fps: float, least: float, most: float
) -> None:
    for prompt in PROMPTS:
        frames = predict_num_frames(pipeline, prompt, fps=fps, min_seconds=least, max_seconds=most)
        assert frames == expected(checkpoints.path("2.5"), prompt, fps, least, most)
        assert frames % 8 == 1


def test_prompts_matter(pipeline: lt.Pipeline) -> None:
    lengths = {predict_num_frames(pipeline, p, min_seconds=0, max_seconds=1e4) for p in PROMPTS}
    assert len(lengths) > 1


def test_the_rate_may_be_a_fraction(pipeline: lt.Pipeline) -> None:
    exact = predict_num_frames(pipeline, "fog", fps=Fraction(24))
    assert exact == predict_num_frames(pipeline, "fog")


def test_what_is_predicted_can_be_generated(pipeline: lt.Pipeline) -> None:
    frames = predict_num_frames(pipeline, "fog", min_seconds=0.1, max_seconds=1.1)
    sampling = lt.Sampling(num_frames=frames, num_inference_steps=2)
    result = pipeline.generate(lt.GenerationRequest("fog", sampling=sampling))
    assert len(result.frames) == frames


@pytest.mark.parametrize(
    ("bounds", "path"),
    [
        ({"fps": 0}, "fps"),
        ({"fps": float("nan")}, "fps"),
        ({"min_seconds": -1}, "min_seconds"),
        ({"min_seconds": 5, "max_seconds": 5}, "min_seconds"),
        ({"min_seconds": float("nan")}, "min_seconds"),
        ({"max_seconds": 0}, "max_seconds"),
        ({"max_seconds": float("inf")}, "max_seconds"),
    ],
)
def test_bounds_that_make_no_sense(pipeline: lt.Pipeline, bounds: Any, path: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        predict_num_frames(pipeline, "fog", **bounds)
    assert refused.value.path == path


def test_a_checkpoint_without_the_head(tiny: Path) -> None:
    refused = pytest.raises(lt.ValidationError, match=r"sampling\.num_frames.*no duration head")
    with lt.load(tiny, prepare=False) as pipeline, refused:
        predict_num_frames(pipeline, "fog")


def test_a_closed_pipeline(checkpoints: Checkpoints) -> None:
    pipeline = lt.load(checkpoints.path("2.5"), prepare=False)
    pipeline.close()
    with pytest.raises(lt.PipelineClosedError):
        predict_num_frames(pipeline, "fog")
