"""Stills, clips and sound that a segment is to have, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import longtake as lt
from longtake_ltx2.latents import audio_to_tokens, video_to_tokens
from tests.ltx2.inputs import asked, clip, image, prefix, tone
from tests.ltx2.support import Checkpoints, LatentProbe, probed_pipeline
from tests.ltx2.watching import quick

Probed = tuple[lt.Pipeline, LatentProbe]
TOKENS_A_FRAME = 2 * 3


@pytest.fixture(scope="module")
def probed(tiny: Path) -> Iterator[Probed]:
    pipeline, probe = probed_pipeline(tiny)
    yield pipeline, probe
    pipeline.close()


def kept(probe: LatentProbe, stream: str) -> list[int]:
    """The tokens of the last run that are kept as they are."""
    mask = getattr(probe.noisy[-1], stream).denoise_mask
    return [int(index) for index in (mask[0, :, 0] == 0).nonzero()]


def test_a_kept_image_stays_in_the_latents(probed: Probed) -> None:
    pipeline, probe = probed
    pipeline.generate(asked(inputs=lt.Inputs(images=(image(),))))
    assert kept(probe, "video") == list(range(TOKENS_A_FRAME))
    video = video_to_tokens(probe.clean[-1].video)
    known = probe.noisy[-1].video.clean[:, :TOKENS_A_FRAME]
    assert known.abs().max() > 0.1
    assert torch.equal(video[:, :TOKENS_A_FRAME], known)


def test_a_prefix_and_a_clip_of_the_same_frames_are_one_thing(probed: Probed) -> None:
    pipeline, probe = probed
    pipeline.generate(asked(inputs=lt.Inputs(clips=(clip(),))))
    pipeline.generate(asked(state=prefix()))
    of_clip, of_state = probe.noisy[-2].video, probe.noisy[-1].video
    assert torch.equal(of_clip.clean, of_state.clean)
    assert torch.equal(of_clip.denoise_mask, of_state.denoise_mask)


@pytest.mark.parametrize(
    ("inputs", "tokens"),
    [
        (lt.Inputs(images=(image(-1),)), TOKENS_A_FRAME),
        (lt.Inputs(images=(image(3), image(-1))), 2 * TOKENS_A_FRAME),
        (lt.Inputs(clips=(clip(7),)), 2 * TOKENS_A_FRAME),
        (lt.Inputs(images=(image(), image(24)), clips=(clip(10),)), 3 * TOKENS_A_FRAME),
    ],
)
def test_keyframes_are_tokens_of_their_own_and_are_not_decoded(
    probed: Probed, inputs: lt.Inputs, tokens: int
) -> None:
    pipeline, probe = probed
    result = pipeline.generate(asked(inputs=inputs))
    own = 4 * TOKENS_A_FRAME
    assert kept(probe, "video")[-tokens:] == list(range(own, own + tokens))
    assert probe.noisy[-1].video.coordinates.shape[2] == own + tokens
    assert probe.clean[-1].video.shape[2:] == (4, 2, 3)
    assert len(result.frames) == 25


def test_a_keyframe_changes_the_segment_and_how_strongly_is_asked(probed: Probed) -> None:
    pipeline, probe = probed
    for strength in (1.0, 0.5):
        pipeline.generate(asked(inputs=lt.Inputs(images=(image(-1, strength=strength),))))
    pipeline.generate(asked())
    strong, weak, without = (video_to_tokens(clean.video) for clean in probe.clean[-3:])
    assert not torch.equal(strong, weak)
    assert not torch.equal(weak, without)


def test_state_frames_may_stand_later_in_the_segment(probed: Probed) -> None:
    pipeline, probe = probed
    result = pipeline.generate(asked(state=prefix(video_conditioning_frame_idx=8)))
    assert len(result.frames) == 25 - 17
    own = 4 * TOKENS_A_FRAME
    assert kept(probe, "video") == list(range(own, own + 2 * TOKENS_A_FRAME))
    seconds = probe.noisy[-1].video.coordinates[0, 0]
    assert float(seconds[own, 0]) == pytest.approx(8 / 24)
    assert float(seconds[0, 0]) == 0


@pytest.mark.parametrize(("generation", "crf"), [("2.0", 33), ("2.3", 33), ("2.5", 18)])
def test_stills_are_compressed_as_the_generation_learned_them(
    checkpoints: Checkpoints, generation: Any, crf: int
) -> None:
    pipeline, probe = probed_pipeline(checkpoints.path(generation))
    known = {}
    with pipeline:
        for quality in (None, crf, 0):
            overrides = {**quick(num_inference_steps=2), "prepare": {"image_crf": quality}}
            inputs = lt.Inputs(images=(image(),), clips=(clip(12),))
            pipeline.generate(asked(inputs=inputs, stage_overrides=overrides))
            known[quality] = probe.noisy[-1].video.clean
    assert torch.equal(known[None], known[crf])
    still = slice(0, TOKENS_A_FRAME)
    assert not torch.equal(known[None][:, still], known[0][:, still])
    of_clip = slice(4 * TOKENS_A_FRAME, None)
    assert torch.equal(known[None][:, of_clip], known[0][:, of_clip])


@pytest.mark.parametrize("strength", [1.0, 0.25])
def test_a_sound_is_clean_context_where_it_is_heard(probed: Probed, strength: float) -> None:
    pipeline, probe = probed
    pipeline.generate(asked(inputs=lt.Inputs(audio=tone(start=0.2, strength=strength))))
    stream = probe.noisy[-1].audio
    expected = torch.ones(26)
    expected[6:18] = 1 - strength  # whole ones in 0.2 to 0.7 s: l lasts from 4 l - 3 to 4 l + 1
    assert torch.equal(stream.denoise_mask[0, :, 0], expected)
    assert stream.clean[:, 6:18].abs().max() > 0.1
    sound = audio_to_tokens(probe.clean[-1].audio)
    assert torch.equal(sound[:, 6:18], stream.clean[:, 6:18]) == (strength == 1.0)
