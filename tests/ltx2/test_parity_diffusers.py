"""``numerics="diffusers"`` gives what `LTX2ConditionPipeline` gives on the same random weights."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.latents import decodable_audio, decodable_video
from longtake_ltx2.loading import align
from tests.ltx2.support import (
    ALL_GUIDANCE,
    NO_GUIDANCE,
    Checkpoints,
    Size,
    moving_frames,
    probed_pipeline,
    relative_error,
)

VIDEO_TOLERANCE = 2e-6
AUDIO_TOLERANCE = 5e-6
PROMPT, NEGATIVE = "a lighthouse in the fog", "blurry, quiet"

GUIDANCE: dict[str, dict[str, Any]] = {
    "off": NO_GUIDANCE,
    "cfg": {**NO_GUIDANCE, "guidance_scale": 3.0, "audio_guidance_scale": 7.0},
    "all": ALL_GUIDANCE,
}
CASES = [
    pytest.param(size, generation, guidance, prefix, id=f"{size}-{generation}-{guidance}-{prefix}")
    for size in ("tiny", "larger")
    for generation in ("2.0", "2.3")
    for guidance in GUIDANCE
    for prefix in (0, 9)
]


@attrs.frozen(eq=False)
class Reference:
    """What diffusers gives: denormalised latents, pictures in [0, 255], samples."""

    video: torch.Tensor
    audio: torch.Tensor
    pictures: np.ndarray[Any, Any]
    sound: np.ndarray[Any, Any]


@functools.cache
def diffusers_pipeline(path: Path) -> Any:
    from diffusers import LTX2ConditionPipeline

    pipe = LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    for name in ("transformer", "vae", "audio_vae", "vocoder", "connectors", "text_encoder"):
        align(getattr(pipe, name))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def diffusers_run(
    path: Path, generation: str, guidance: dict[str, Any], frames: list[Any], seed: int
) -> Reference:
    pipe = diffusers_pipeline(path)
    with torch.no_grad():
        latents = pipe(
            prompt=PROMPT,
            negative_prompt=NEGATIVE,
            conditions=[LTX2VideoCondition(np.stack(frames), 0, 1.0)] if frames else None,
            height=64,
            width=96,
            num_frames=25,
            frame_rate=24.0,
            num_inference_steps=3,
            spatio_temporal_guidance_blocks=[1] if guidance["stg_scale"] else None,
            use_cross_timestep=generation != "2.0",
            max_sequence_length=pipe.tokenizer.model_max_length,
            generator=torch.Generator("cpu").manual_seed(seed),
            output_type="latent",
            **guidance,
        )
        video = pipe.vae.decode(latents.frames, None, return_dict=False)[0]
        pictures = pipe.video_processor.postprocess_video(video, output_type="np")[0]
        sound = pipe.vocoder(pipe.audio_vae.decode(latents.audio, return_dict=False)[0])[0]
    return Reference(latents.frames, latents.audio, (pictures * 255).round(), sound.numpy())


@pytest.mark.parametrize(("size", "generation", "guidance", "prefix"), CASES)
def test_latents_and_pictures_match(
    checkpoints: Checkpoints,
    size: Size,
    generation: Any,
    guidance: str,
    prefix: int,
) -> None:
    path = checkpoints.path(generation, size)
    frames = moving_frames(prefix)
    pipeline, probe = probed_pipeline(path, numerics="diffusers", dtype="float32", device="cpu")
    state = LTX2ContinuationState(video_frames=frames).to_continuation_state() if prefix else None
    result = pipeline.generate(
        lt.GenerationRequest(
            PROMPT,
            negative_prompt=NEGATIVE,
            sampling=lt.Sampling(seed=7, num_inference_steps=3),
            stage_overrides={"denoise": {**GUIDANCE[guidance], "stg_blocks": [1]}},
            state=state,
        )
    )
    assert result.job is not None and result.audio is not None
    reference = diffusers_run(path, generation, GUIDANCE[guidance], frames, result.job.segment_seed)
    networks = diffusers_pipeline(path)
    video = decodable_video(probe.clean[-1].video, networks.vae)
    audio = decodable_audio(probe.clean[-1].audio, networks.audio_vae)
    assert relative_error(reference.video, video) < VIDEO_TOLERANCE
    assert relative_error(reference.audio, audio) < AUDIO_TOLERANCE
    assert np.abs(reference.pictures[prefix:] - result.frames).max() <= 1
    if not prefix:
        assert result.audio.shape == reference.sound.shape
        assert np.abs(result.audio - reference.sound).max() < 1e-4
