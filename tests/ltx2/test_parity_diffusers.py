"""``numerics="diffusers"`` gives what diffusers' own pipelines give on the same random weights."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.utils import apply_image_conditioning_crf

import longtake as lt
from longtake_ltx2.latents import decodable_audio, decodable_video
from longtake_ltx2.loading.weights import align
from longtake_ltx2.noise import noise_generator
from longtake_ltx2.tiny import Generation
from longtake_ltx2.values import CleanLatents
from tests.ltx2.parity import (
    CASES,
    FPS,
    GENERATIONS,
    GUIDANCE,
    NEGATIVE,
    PROMPT,
    Case,
    check,
    latents,
    request,
)
from tests.ltx2.parity_conditions import Placed
from tests.ltx2.support import NO_GUIDANCE, Checkpoints

LEVELS: dict[str, list[float] | None] = {
    "base": None,
    "distilled": [1.0, 0.725, 0.421875],
    "eight steps": [1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875],
    "two stages": [1.0, 0.725, 0.421875],
}
REFINE_LEVELS = {3: [0.909375, 0.725, 0.421875], 2: [0.909375, 0.421875]}


@functools.cache
def pipelines(path: Path) -> tuple[Any, Any]:
    """diffusers' conditioned pipeline, and the one that upsamples its latents."""
    from diffusers import LTX2ConditionPipeline, LTX2LatentUpsamplePipeline
    from diffusers.pipelines.ltx2 import LTX2LatentUpsamplerModel

    pipe = LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    upsampler = LTX2LatentUpsamplerModel.from_pretrained(path / "spatial_upsampler")
    names = ("transformer", "vae", "audio_vae", "vocoder", "connectors", "text_encoder")
    for network in (*(getattr(pipe, name) for name in names), upsampler):
        align(network)
    pipe.set_progress_bar_config(disable=True)
    return pipe, LTX2LatentUpsamplePipeline(vae=pipe.vae, latent_upsampler=upsampler)


@functools.cache
def text(path: Path) -> dict[str, torch.Tensor]:
    pipe, _ = pipelines(path)
    names = ("prompt_embeds", "prompt_attention_mask")
    with torch.no_grad():
        encoded = pipe.encode_prompt(
            PROMPT, NEGATIVE, max_sequence_length=pipe.tokenizer.model_max_length
        )
    return dict(zip((*names, *(f"negative_{name}" for name in names)), encoded, strict=True))


def condition(placed: Placed, case: Case) -> LTX2VideoCondition:
    """Placed at the latent frame that the pixel frame belongs to."""
    height, width, frames = case.pixels
    first = placed.frame % frames
    index = 0 if first == 0 else (first - 1) // 8 + 1
    pixels = placed.pixels(height, width)
    crf = case.conditioned_on().image_crf if placed.kind == "image" else 0
    if crf:
        with on_one_cpu():
            pixels = np.stack([apply_image_conditioning_crf(each, crf) for each in pixels])
    return LTX2VideoCondition(pixels, index, placed.strength, 0)


@contextlib.contextmanager
def on_one_cpu() -> Iterator[None]:
    """diffusers' encoder makes a slice for each CPU; Longtake's pictures do not depend on them."""
    if sys.platform != "linux":
        yield
        return
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)


def run(path: Path, case: Case, size: tuple[int, int], **options: Any) -> Any:
    """Latents as the VAEs decode them."""
    pipe, _ = pipelines(path)
    scheduler = pipe.scheduler
    if "sigmas" in options:  # a table is taken as it is
        pipe.scheduler = FlowMatchEulerDiscreteScheduler.from_config(
            scheduler.config, use_dynamic_shifting=False, shift_terminal=None
        )
    try:
        return pipe(
            **text(path),
            conditions=[condition(each, case) for each in case.conditioned_on().placed] or None,
            height=size[0],
            width=size[1],
            num_frames=case.pixels[2],
            frame_rate=float(FPS),
            use_cross_timestep=case.generation != "2.0",
            output_type="latent",
            **options,
        )
    finally:
        pipe.scheduler = scheduler


def reference(path: Path, case: Case, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents of the picture and of the sound, as the VAEs decode them."""
    height, width, frames = case.pixels
    generator = noise_generator(seed)
    guidance = GUIDANCE[case.guidance]
    blocks = [1] if guidance["stg_scale"] else None
    levels = LEVELS[case.recipe]
    schedule = {"num_inference_steps": case.steps} if levels is None else {"sigmas": levels}
    two_stages = case.recipe == "two stages"
    size = (height // 2, width // 2) if two_stages else (height, width)
    made = run(
        path,
        case,
        size,
        generator=generator,
        spatio_temporal_guidance_blocks=blocks,
        **guidance,
        **schedule,
    )
    if not two_stages:
        return made.frames, made.audio
    _, upsample = pipelines(path)
    doubled = upsample(
        latents=made.frames, height=size[0], width=size[1], num_frames=frames, output_type="latent"
    ).frames
    levels = REFINE_LEVELS[case.refine_steps]
    made = run(
        path,
        case,
        (height, width),
        generator=generator,
        spatio_temporal_guidance_blocks=None,
        latents=doubled,
        audio_latents=made.audio,
        sigmas=levels,
        noise_scale=levels[0],
        **NO_GUIDANCE,
    )
    return made.frames, made.audio


def decodable(path: Path, clean: CleanLatents) -> CleanLatents:
    """As the VAEs decode them: how diffusers' pipeline returns latents."""
    pipe, _ = pipelines(path)
    return CleanLatents(
        decodable_video(clean.video, pipe.vae), decodable_audio(clean.audio, pipe.audio_vae)
    )


@pytest.mark.parametrize("case", [case for case in CASES if case.numerics == "diffusers"], ids=str)
def test_latents_match(checkpoints: Checkpoints, case: Case, record_property: Any) -> None:
    actual, seed = latents(checkpoints, case)
    path = checkpoints.path(case.generation, case.size)
    check(record_property, case, reference(path, case, seed), decodable(path, actual))


@pytest.mark.parametrize("conditions", ["nothing", "prefix"])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_pictures_and_sound_match(
    checkpoints: Checkpoints, generation: Generation, conditions: str
) -> None:
    case = Case("diffusers", generation, "tiny", "base", conditions, "off")
    path = checkpoints.path(generation)
    with lt.load(path, preset="ltx2_tiny", numerics="diffusers", dtype="float32") as pipeline:
        result = pipeline.generate(request(checkpoints, case))
    assert result.job is not None and result.audio is not None
    pipe, _ = pipelines(path)
    with torch.no_grad():
        video, audio = reference(path, case, result.job.segment_seed)
        decoded = pipe.vae.decode(video, None, return_dict=False)[0]
        sound = pipe.vocoder(pipe.audio_vae.decode(audio, return_dict=False)[0])[0].numpy()
    pictures = pipe.video_processor.postprocess_video(decoded, output_type="np")[0] * 255
    new = pictures[25 - len(result.frames) :]
    assert np.abs(new.round() - result.frames).max() <= 1
    if conditions == "nothing":
        assert result.audio.shape == sound.shape
        assert np.abs(result.audio - sound).max() < 1e-4
