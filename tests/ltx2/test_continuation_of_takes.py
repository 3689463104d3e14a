"""A take goes on exactly: conditioning is kept, the sound joins, and any worker may roll."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationCodec, LTX2ContinuationState
from longtake_ltx2.latents import audio_to_tokens, video_to_tokens
from longtake_ltx2.sound import SoundDecoder
from tests.ltx2.support import (
    NO_GUIDANCE,
    Checkpoints,
    family,
    moving_frames,
    networks,
    probed_pipeline,
)

QUICK = lt.Sampling(num_inference_steps=2, guidance_scale=1.0)
UNGUIDED = {"denoise": NO_GUIDANCE}


def quick_session(pipeline: lt.Pipeline, **options: Any) -> lt.Session:
    return lt.Session(pipeline, stage_overrides=UNGUIDED, **{"sampling": QUICK} | options)


@pytest.mark.parametrize("numerics", ["official", "diffusers"])
@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_the_prefix_of_a_continued_segment_is_its_conditioning(
    checkpoints: Checkpoints, generation: Any, numerics: str
) -> None:
    pipeline, probe = probed_pipeline(checkpoints.path(generation), numerics=numerics)
    session = lt.Session(pipeline, sampling=lt.Sampling(num_inference_steps=2))
    session.extend("a harbour at night")
    session.extend("a ship's horn")
    noisy, clean = probe.noisy[1], probe.clean[1]
    kept_video = noisy.video.denoise_mask[0, :, 0] == 0
    kept_audio = noisy.audio.denoise_mask[0, :, 0] == 0
    assert int(kept_video.sum()) == 2 * (64 // 32) * (96 // 32)
    assert int(kept_audio.sum()) == 26
    video, audio = video_to_tokens(clean.video), audio_to_tokens(clean.audio)
    assert torch.equal(video[:, kept_video], noisy.video.clean[:, kept_video])
    assert torch.equal(audio[:, kept_audio], noisy.audio.clean[:, kept_audio])
    assert torch.equal(audio[:, :26], audio_to_tokens(probe.clean[0].audio)[:, -26:])
    assert not torch.equal(video[:, ~kept_video], noisy.video.latents[:, ~kept_video])


@pytest.mark.parametrize(
    ("generation", "frames", "overlap", "fps"),
    [
        ("2.0", 25, 9, 24),
        ("2.0", 33, 1, "24000/1001"),
        ("2.0", 41, 17, 30),
        ("2.3", 25, 9, 24),
        ("2.3", 33, 9, 25),
    ],
)
def test_joined_sound_equals_one_decode(
    checkpoints: Checkpoints, generation: Any, frames: int, overlap: int, fps: Any
) -> None:
    pipeline, probe = probed_pipeline(checkpoints.path(generation))
    sampling = lt.Sampling(num_inference_steps=2, guidance_scale=1.0, num_frames=frames, fps=fps)
    session = quick_session(pipeline, sampling=sampling, overlap_frames=overlap)
    results = [session.extend(f"part {index}") for index in range(8)]
    end = session.finish()
    rate = end.audio_sample_rate
    assert rate is not None and end.audio is not None
    joined = np.concatenate([r.audio for r in (*results, end) if r.audio is not None], axis=1)
    total = frames + 7 * (frames - overlap)
    assert sum(len(r.frames) for r in results) == total
    seconds = Fraction(total) / Fraction(fps)
    assert joined.shape[1] == int(seconds * rate + Fraction(1, 2))

    new = [probe.clean[0].audio] + [
        clean.audio[:, :, int((noisy.audio.denoise_mask == 0).sum()) :]
        for noisy, clean in zip(probe.noisy[1:], probe.clean[1:], strict=True)
    ]
    components = networks(checkpoints.path(generation))
    decoder = SoundDecoder(components["audio_vae"], components["vocoder"])
    with torch.no_grad():
        whole = decoder.decode(torch.cat(new, dim=2))
    assert np.abs(joined[:, : whole.shape[1]] - whole).max() < 1e-6
    assert not joined[:, whole.shape[1] :].any()
    assert np.abs(whole).max() > 0.05


def test_a_state_alone_resumes_the_take_bit_for_bit(checkpoints: Checkpoints) -> None:
    path = checkpoints.path("2.0")
    sampling = lt.Sampling(seed=5, num_inference_steps=2, guidance_scale=1.0, fps="24000/1001")
    with lt.load(path) as pipeline:
        session = quick_session(pipeline, sampling=sampling)
        session.extend("one")
        travelled = session.state.to_json() if session.state else ""
        expected = session.extend("two")
    with lt.load(path) as another:
        resumed = quick_session(another, state=lt.ContinuationState.from_json(travelled))
        actual = resumed.extend("two")
    assert np.array_equal(expected.frames, actual.frames)
    assert np.array_equal(expected.audio, actual.audio)  # type: ignore[arg-type]
    assert expected.state == actual.state
    assert actual.job is not None and actual.job.sampling.seed == 5


def test_big_parts_go_to_the_blob_store_and_come_back(checkpoints: Checkpoints) -> None:
    codec = LTX2ContinuationCodec(inline_threshold_bytes=0)
    storing = family().evolve(codecs=(codec,))
    pipeline = lt.load(checkpoints.path("2.0"), family=storing)
    inline = quick_session(pipeline)
    stored = quick_session(pipeline, blobs=lt.open_blob_store("memory:"))
    for session in (inline, stored):
        session.extend("one")
    assert stored.state is not None and len(codec.blob_ids(stored.state)) == 3
    expected, actual = inline.extend("two"), stored.extend("two")
    assert np.array_equal(expected.frames, actual.frames)
    unread = lt.GenerationRequest("two", state=stored.state)
    with pytest.raises(lt.ValidationError, match=r"state\.payload\.\w+\.blob_id"):
        pipeline.generate(unread)


def test_a_single_request_returns_all_that_the_vocoder_gives(checkpoints: Checkpoints) -> None:
    with lt.load(checkpoints.path("2.0")) as pipeline:
        request = lt.GenerationRequest("x", sampling=QUICK, stage_overrides=UNGUIDED)
        result = pipeline.generate(request)
    assert result.audio is not None and result.state is None
    assert result.audio.shape == (2, (4 * 26 - 3) * 240)


def test_foreign_states_start_a_clock_at_their_prefix(checkpoints: Checkpoints) -> None:
    """Another implementation's state: more frames than 8k+1, an offset, no clock."""
    pipeline, probe = probed_pipeline(checkpoints.path("2.0"))
    config = networks(checkpoints.path("2.0"))["audio_vae"].config
    foreign = LTX2ContinuationState(
        segment_index=3,
        video_frames=moving_frames(12),
        audio_latents=torch.randn(1, config.latent_channels, 40, config.mel_bins // 4),
        audio_sample_rate=24000,
        audio_conditioning_num_frames=26,
        audio_conditioning_strength=0.0,
        video_position_offset_sec=0.5,
    )
    request = lt.GenerationRequest(
        "on",
        sampling=QUICK,
        stage_overrides=UNGUIDED,
        output=lt.Output(return_state=True),
        state=foreign.to_continuation_state(),
    )
    result = pipeline.generate(request)
    assert len(result.frames) == 25 - 9
    video = probe.noisy[0].video
    assert float(video.coordinates[0, 0, 0, 0]) == pytest.approx(0.5 + 3 / 24)
    assert int((probe.noisy[0].audio.denoise_mask == 0).sum()) == 26
    assert result.state is not None and result.job is not None
    assert result.state.payload["segment_index"] == 4
    clock = result.state.payload["metadata"]["longtake"]["clock"]
    assert clock["frames"] == round(24 * (0.5 + 3 / 24)) + 25
    assert result.audio is not None
    assert clock["samples"] == (4 * 26 - 3) * 240 + result.audio.shape[1]


def test_a_take_goes_on_from_less_sound_than_is_usual(checkpoints: Checkpoints) -> None:
    goes_on = lt.Output(last=False, return_state=True)
    sampling = attrs.evolve(QUICK, num_frames=25)
    request = lt.GenerationRequest("a bell", sampling=sampling, output=goes_on)
    with lt.load(checkpoints.path(), family=family(), preset="ltx2_tiny") as pipeline:
        first = pipeline.generate(request).state
        assert first is not None
        whole = LTX2ContinuationState.from_continuation_state(first)
        assert whole.audio_latents is not None
        few = attrs.evolve(
            whole, audio_latents=whole.audio_latents[:, :, -3:], audio_conditioning_num_frames=3
        )
        result = pipeline.generate(attrs.evolve(request, state=few.to_continuation_state()))
        assert result.state is not None
        after = LTX2ContinuationState.from_continuation_state(result.state)
        assert after.audio_latents is not None
        assert after.audio_conditioning_num_frames == after.audio_latents.shape[2]
        again = pipeline.generate(attrs.evolve(request, state=result.state))
    assert len(result.frames) == len(again.frames) == 25 - 9
