"""``numerics="official"`` gives what the published formulas give, written down a second time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import attrs
import pytest
import torch

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationState
from tests.ltx2.official_loop import denoised
from tests.ltx2.official_reference import Asked, Continued, Scales, networks
from tests.ltx2.support import (
    ALL_GUIDANCE,
    NO_GUIDANCE,
    SOUND_FOLLOWS,
    Checkpoints,
    LatentProbe,
    moving_frames,
    probed_pipeline,
    relative_error,
)

VIDEO_TOLERANCE = 2e-6
AUDIO_TOLERANCE = 5e-6
OFF = {**NO_GUIDANCE, **SOUND_FOLLOWS}
FULL = Scales(3.0, 1.0, 3.0, 0.7)
GUIDANCE: dict[str, tuple[dict[str, Any], Scales, Scales]] = {
    "off": ({}, Scales(), Scales()),
    "cfg": (
        {"guidance_scale": 3.0, "audio_guidance_scale": 7.0},
        Scales(cfg=3.0),
        Scales(cfg=7.0),
    ),
    "all": (
        ALL_GUIDANCE,
        FULL,
        Scales(7.0, 0.5, 2.0, 0.6),
    ),
    "sound follows picture": (
        {"guidance_scale": 3.0, "stg_scale": 1.0, "modality_scale": 3.0, "guidance_rescale": 0.7},
        FULL,
        FULL,
    ),
    "zero is zero": (
        {
            "guidance_scale": 3.0,
            "audio_guidance_scale": 0.0,
            "stg_scale": 1.0,
            "audio_stg_scale": 0.0,
            "modality_scale": 3.0,
            "audio_modality_scale": 0.0,
            "guidance_rescale": 0.7,
            "audio_guidance_rescale": 0.0,
        },
        FULL,
        Scales(0.0, 0.0, 0.0, 0.0),
    ),
    "sound only": (
        {"audio_guidance_scale": 3.0, "audio_stg_scale": 1.0, "audio_modality_scale": 2.0},
        Scales(),
        Scales(3.0, 1.0, 2.0),
    ),
    "below neutral": (
        {"guidance_scale": 0.5, "stg_scale": -0.5, "modality_scale": 0.5},
        Scales(0.5, -0.5, 0.5),
        Scales(0.5, -0.5, 0.5),
    ),
}


def continued(name: str, channels: int, mel: int) -> Continued | None:
    if name == "new":
        return None
    generator = torch.Generator().manual_seed(3)
    kept = Continued(
        segment_index=4,
        frames=moving_frames(9),
        video_strength=1.0,
        audio=torch.randn(1, channels, 64, mel, generator=generator),
        context=51,
        audio_strength=0.0,
        take=(113, 118),
    )
    if name == "kept":
        return kept
    if name == "partly kept":
        return attrs.evolve(kept, video_strength=0.6, audio_strength=0.3)
    assert name == "of another kind"
    return attrs.evolve(kept, take=None, context=26, offset=Fraction(5, 8), video_strength=0.8)


def state_of(before: Continued, hold_back: int, rate: int) -> lt.ContinuationState:
    metadata: dict[str, Any] = {}
    if before.take is not None:
        frames, latents = before.take
        samples = (4 * latents - 3 - hold_back) * rate // 100
        clock = {"frames": frames, "fps": [24, 1], "latents": latents, "samples": samples}
        metadata = {"longtake": {"clock": clock}}
    return LTX2ContinuationState(
        segment_index=before.segment_index,
        video_frames=before.frames,
        video_conditioning_strength=before.video_strength,
        audio_latents=before.audio,
        audio_sample_rate=rate,
        audio_conditioning_num_frames=before.context,
        audio_conditioning_strength=before.audio_strength,
        video_position_offset_sec=float(before.offset),
        metadata=metadata,
    ).to_continuation_state()


CASES = [
    pytest.param(generation, start, guidance, id=f"{generation}-{start}-{guidance}")
    for generation in ("2.0", "2.3")
    for start, guidances in {
        "new": tuple(GUIDANCE),
        "kept": ("off", "cfg", "all", "sound only"),
        "partly kept": ("off", "cfg", "all", "sound only"),
        "of another kind": ("off", "all"),
    }.items()
    for guidance in guidances
]


Probed = Callable[[Any], tuple[lt.Pipeline, LatentProbe]]


@pytest.fixture(scope="module")
def probed(checkpoints: Checkpoints) -> Probed:
    """The pipeline of a generation, loaded once."""
    return functools.cache(lambda generation: probed_pipeline(checkpoints.path(generation)))


@pytest.mark.parametrize(("generation", "start", "guidance"), CASES)
def test_latents_match(
    checkpoints: Checkpoints, probed: Probed, generation: Any, start: str, guidance: str
) -> None:
    path = checkpoints.path(generation)
    pipeline, probe = probed(generation)
    overrides, video_scales, audio_scales = GUIDANCE[guidance]
    audio_vae = networks(path).audio_vae.config
    before = continued(start, audio_vae.latent_channels, audio_vae.mel_bins // 4)
    hold_back, rate = (18, 24000) if generation == "2.0" else (52, 48000)
    asked = Asked(
        prompt="a lighthouse in the fog",
        negative="blurry, quiet",
        seed=11,
        steps=3,
        video=video_scales,
        audio=audio_scales,
        continued=before,
    )
    pipeline.generate(
        lt.GenerationRequest(
            asked.prompt,
            negative_prompt=asked.negative,
            sampling=lt.Sampling(seed=11, num_inference_steps=3),
            stage_overrides={"denoise": {**OFF, **overrides, "stg_blocks": [1]}},
            state=None if before is None else state_of(before, hold_back, rate),
        )
    )
    video, audio = denoised(path, asked)
    actual = probe.clean[-1]
    actual_video = actual.video.flatten(2).transpose(1, 2)
    actual_audio = torch.stack([actual.audio[0, :, i].flatten() for i in range(audio.shape[1])])
    assert relative_error(video, actual_video) < VIDEO_TOLERANCE
    assert relative_error(audio, actual_audio[None]) < AUDIO_TOLERANCE
