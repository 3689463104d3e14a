"""A picture without sound, and sound without a picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.latents import audio_to_tokens, video_to_tokens
from tests.ltx2.inputs import asked
from tests.ltx2.official_loop import forward, text_of
from tests.ltx2.official_reference import audio_bounds, grid, networks, sigmas, video_bounds
from tests.ltx2.official_tokens import Tokens
from tests.ltx2.support import NO_GUIDANCE, Checkpoints, probed_pipeline, relative_error
from tests.ltx2.watching import Watched, quick

TOKENS_A_FRAME = 2 * 3


@pytest.fixture(scope="module")
def watched(tiny: Path) -> Iterator[Watched]:
    watched = Watched(tiny)
    yield watched
    watched.pipeline.close()


def alone(path: Path, seed: int, steps: int) -> dict[str, torch.Tensor]:
    """Each stream cut off from the other, from the first noise of the seed; tokens."""
    pipe, where, size = networks(path), grid(25, None), (64, 96, 25)
    config, bounds = pipe.transformer.config, video_bounds(size, where.offset)
    shapes = ((1, bounds.shape[2], config.in_channels), (1, where.length, config.audio_in_channels))
    noise = [torch.randn(s, generator=torch.Generator().manual_seed(seed)) for s in shapes]
    nothing = [(torch.zeros_like(n), torch.ones_like(n[..., :1])) for n in noise]
    tokens = tuple(
        Tokens(n, clean, mask, at, n.shape[1])
        for n, (clean, mask), at in zip(noise, nothing, (bounds, audio_bounds(where)), strict=True)
    )
    marks = torch.zeros(1, bounds.shape[2], 1)
    marks[:, :TOKENS_A_FRAME] = 1
    levels, now = sigmas(steps), noise
    with torch.no_grad():
        for sigma, following in itertools.pairwise(levels):
            step = (pipe.transformer, tokens, marks, now, sigma)
            x0s = forward(step, text_of(path, "a lighthouse"), isolated=True)
            now = [
                x + (following - sigma) * (x - x0) / sigma for x, x0 in zip(now, x0s, strict=True)
            ]
    return {"video": now[0], "audio": now[1]}


@pytest.mark.parametrize("generation", ["2.0", "2.3", "2.5"])
@pytest.mark.parametrize("stream", ["video", "audio"])
def test_one_stream_alone_is_the_isolated_computation(
    checkpoints: Checkpoints, generation: Any, stream: str
) -> None:
    path = checkpoints.path(generation)
    output = lt.Output(video=stream == "video", audio=stream == "audio")
    pipeline, probe = probed_pipeline(path)
    with pipeline:
        result = pipeline.generate(asked(output=output))
    assert result.job is not None
    expected = alone(path, result.job.segment_seed, 2)[stream]
    made = probe.clean[-1]
    actual = {"video": video_to_tokens(made.video), "audio": audio_to_tokens(made.audio)}
    assert relative_error(expected, actual[stream]) < 2e-6
    other = "audio" if stream == "video" else "video"
    assert actual[other].shape[1] == 0
    assert (len(result.frames) == 25) == output.video
    assert (result.audio is not None) == output.audio


def test_the_guidance_of_a_stream_that_is_not_wanted_costs_nothing(watched: Watched) -> None:
    guided = {**NO_GUIDANCE, "audio_guidance_scale": 7.0, "modality_scale": 3.0}
    passes = {}
    for video, audio in ((True, True), (True, False), (False, True)):
        output = lt.Output(video=video, audio=audio)
        with watched.counted() as ran:
            watched.pipeline.generate(asked(output=output, stage_overrides=quick(**guided)))
        passes[video, audio] = ran["transformer"]
        assert bool(ran["vae.decoder"]) == video
        assert bool(ran["vocoder"]) == audio
    # Two steps: all passes; one stream has nobody to be isolated from; text guidance of the sound.
    assert passes == {(True, True): 2 * 3, (True, False): 2, (False, True): 2 * 2}


@pytest.mark.parametrize(("video", "audio"), [(True, False), (False, True)])
def test_a_take_of_one_stream_goes_on(watched: Watched, video: bool, audio: bool) -> None:
    pipeline = watched.pipeline
    sampling = lt.Sampling(num_frames=25)
    whole = []
    take = lt.Session(
        pipeline, sampling=sampling, stage_overrides=quick(), video=video, audio=audio
    )
    state: lt.ContinuationState | None = None
    for _ in range(3):
        made = take.extend("a lighthouse")
        whole.append(made)
        again = pipeline.generate(
            asked(
                sampling=sampling,
                state=state,
                output=lt.Output(last=False, return_state=True, video=video, audio=audio),
            )
        )
        assert again.state is not None
        state = lt.ContinuationState.from_json(again.state.to_json())
        for one, other in ((made.frames, again.frames), (made.audio, again.audio)):
            assert (one is None) == (other is None)
            assert one is None or (other is not None and np.array_equal(one, other))
    if video:
        assert [len(made.frames) for made in whole] == [25, 16, 16]
        assert all(made.audio is None for made in whole)
    else:
        assert all(len(made.frames) == 0 for made in whole)
        assert all(made.audio is not None and made.audio.shape[1] > 0 for made in whole)
