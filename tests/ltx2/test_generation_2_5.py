"""Generation 2.5 end to end, and prompts of every generation, against diffusers."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.checkpoints.folder import default_image_crf
from longtake_ltx2.checkpoints.recognising import recognise
from longtake_ltx2.latents import decodable_audio, decodable_video
from longtake_ltx2.loading.weights import align
from longtake_ltx2.stages import LTX2TextEncodingStage
from tests.ltx2.support import (
    ALL_GUIDANCE,
    Checkpoints,
    networks,
    probed_pipeline,
    relative_error,
)
from tests.ltx2.watching import quick

GENERATIONS = ("2.0", "2.3", "2.5")
PROMPTS = ["a lighthouse in the fog", "", "  spaces around \n", "é" * 100]
PROMPT_TOLERANCE = 1e-6
VIDEO_TOLERANCE = 2e-6
AUDIO_TOLERANCE = 5e-6


@functools.cache
def diffusers_pipeline(path: Path) -> Any:
    from diffusers import LTX2ConditionPipeline

    pipe = LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    for name in ("transformer", "vae", "audio_vae", "vocoder", "connectors", "text_encoder"):
        align(getattr(pipe, name))
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("generation", GENERATIONS)
def test_prompts_are_encoded_as_diffusers_does(checkpoints: Checkpoints, generation: Any) -> None:
    path = checkpoints.path(generation)
    pipe, components = diffusers_pipeline(path), networks(path)
    stage = LTX2TextEncodingStage(
        components["text_encoders"], components["tokenizers"], components["connectors"]
    )
    with torch.no_grad():
        positive, mask, negative, negative_mask = pipe.encode_prompt(
            PROMPTS,
            ["blurry"] * len(PROMPTS),
            max_sequence_length=pipe.tokenizer.model_max_length,
        )
        video, audio, _ = pipe.connectors(
            torch.cat([negative, positive]),
            torch.cat([negative_mask, mask]),
            padding_side=pipe.tokenizer_padding_side,
        )
    expected = zip(["blurry"] * len(PROMPTS) + PROMPTS, video, audio, strict=True)
    for prompt, expected_video, expected_audio in expected:
        made = stage.encode(prompt)
        assert relative_error(expected_video[None], made.video) < PROMPT_TOLERANCE
        assert relative_error(expected_audio[None], made.audio) < PROMPT_TOLERANCE


def test_latents_and_sound_are_those_of_diffusers(checkpoints: Checkpoints) -> None:
    path = checkpoints.path("2.5")
    pipeline, probe = probed_pipeline(path, numerics="diffusers", dtype="float32", device="cpu")
    result = pipeline.generate(
        lt.GenerationRequest(
            "a lighthouse in the fog",
            negative_prompt="blurry",
            sampling=lt.Sampling(seed=7, num_inference_steps=3),
            stage_overrides={"denoise": {**ALL_GUIDANCE, "stg_blocks": [1]}},
        )
    )
    assert result.job is not None and result.audio is not None
    pipe = diffusers_pipeline(path)
    with torch.no_grad():
        latents = pipe(
            prompt="a lighthouse in the fog",
            negative_prompt="blurry",
            height=64,
            width=96,
            num_frames=25,
            frame_rate=24.0,
            num_inference_steps=3,
            spatio_temporal_guidance_blocks=[1],
            use_cross_timestep=True,
            max_sequence_length=pipe.tokenizer.model_max_length,
            generator=torch.Generator("cpu").manual_seed(result.job.segment_seed),
            output_type="latent",
            **ALL_GUIDANCE,
        )
        sound = pipe.vocoder(pipe.audio_vae.decode(latents.audio, return_dict=False)[0])[0]
    video = decodable_video(probe.clean[-1].video, pipe.vae)
    audio = decodable_audio(probe.clean[-1].audio, pipe.audio_vae)
    assert relative_error(latents.frames, video) < VIDEO_TOLERANCE
    assert relative_error(latents.audio, audio) < AUDIO_TOLERANCE
    assert result.audio_sample_rate == 48000
    assert np.abs(result.audio - sound.numpy()).max() < 1e-4


def test_a_take_goes_on(checkpoints: Checkpoints) -> None:
    with lt.load(checkpoints.path("2.5")) as pipeline:
        session = lt.Session(pipeline, stage_overrides=quick())
        frames = [session.extend("fog").frames, session.extend("waves").frames]
        assert [len(part) for part in frames] == [25, 16]
        assert session.state is not None


@pytest.mark.parametrize("generation", GENERATIONS)
def test_how_much_images_are_compressed(checkpoints: Checkpoints, generation: Any) -> None:
    from diffusers.pipelines.ltx2.utils import resolve_default_image_crf

    (text_encoder,) = networks(checkpoints.path(generation))["text_encoders"]
    assert default_image_crf(generation) == resolve_default_image_crf(text_encoder)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_checkpoints_are_recognised(checkpoints: Checkpoints, generation: Any) -> None:
    found = recognise(checkpoints.path(generation))
    assert found == lt.Recognition("ltx2_tiny", f"LTX-{generation}")
