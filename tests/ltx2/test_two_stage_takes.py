"""Takes in two stages: the state conditions both passes, and is all that the next segment needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.latents import audio_to_tokens, video_to_tokens
from longtake_ltx2.tiny.lora import write_tiny_lora
from tests.ltx2.support import Checkpoints, probed_passes

SIZE = lt.Sampling(height=128, width=128, num_frames=17, num_inference_steps=2)
PRESET = "ltx2_two_stage"


def asked(**fields: Any) -> lt.GenerationRequest:
    return lt.GenerationRequest("a bell", sampling=SIZE, **fields)


def test_a_state_conditions_both_passes(tiny: Path) -> None:
    pipeline, probe = probed_passes(tiny, PRESET)
    before = pipeline.generate(asked(output=lt.Output(return_state=True)))
    assert before.state is not None
    new = pipeline.generate(asked(state=before.state))
    assert len(new.frames) == 17 - 9
    first, second = probe.noisy[-2:]
    known = int((first.audio.denoise_mask == 0).sum())
    assert known > 0
    assert torch.equal(first.audio.clean, second.audio.clean)
    assert torch.equal(first.audio.denoise_mask, second.audio.denoise_mask)
    for noisy, clean, tokens in zip((first, second), probe.clean[-2:], (8, 32), strict=True):
        assert not noisy.video.denoise_mask[:, :tokens].any()
        assert noisy.video.denoise_mask[:, tokens:].all()
        assert torch.equal(video_to_tokens(clean.video)[:, :tokens], noisy.video.clean[:, :tokens])
        assert torch.equal(audio_to_tokens(clean.audio)[:, :known], noisy.audio.clean[:, :known])
    pipeline.close()


@pytest.mark.parametrize("generation", ["2.0", "2.3", "2.5"])
def test_a_take_resumed_from_a_document_is_the_take(
    checkpoints: Checkpoints, tmp_path: Path, generation: Any
) -> None:
    """Three segments in one session, and each in a pipeline of its own from the JSON before."""
    path = checkpoints.path(generation)
    lora = write_tiny_lora(tmp_path / "refine.safetensors", path)
    options: dict[str, Any] = {"lora_path": str(lora)}
    output = lt.Output(last=False, return_state=True)
    whole: list[np.ndarray[Any, Any]] = []
    with lt.load(path, preset=PRESET, **options) as pipeline:
        take = lt.Session(pipeline, sampling=SIZE)
        for _ in range(3):
            made = take.extend("a bell")
            assert made.audio is not None
            whole += [made.frames, made.audio]
    resumed: list[np.ndarray[Any, Any]] = []
    document: str | None = None
    for _ in range(3):
        state = None if document is None else lt.ContinuationState.from_json(document)
        with lt.load(path, preset=PRESET, **options) as pipeline:
            made = pipeline.generate(asked(state=state, output=output))
        assert made.state is not None and made.audio is not None
        document = made.state.to_json()
        resumed += [made.frames, made.audio]
    assert len(whole) == len(resumed) == 6
    assert all(np.array_equal(a, b) for a, b in zip(whole, resumed, strict=True))
