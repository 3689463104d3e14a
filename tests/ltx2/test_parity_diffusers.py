"""``numerics="diffusers"`` gives what `LTX2ConditionPipeline` gives on the same random weights."""

from __future__ import annotations

from typing import Any

import longtake as lt
import numpy as np
import pytest
import torch
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.latents import decodable_audio, decodable_video

from tests.ltx2.support import (
    Checkpoints,
    Size,
    moving_frames,
    probed_pipeline,
    relative_error,
)

VIDEO_TOLERANCE = 2e-6
AUDIO_TOLERANCE = 5e-6
PROMPT, NEGATIVE = "a lighthouse in the fog", "blurry, quiet"

OFF = {
    "guidance_scale": 1.0,
    "audio_guidance_scale": 1.0,
    "stg_scale": 0.0,
    "audio_stg_scale": 0.0,
    "modality_scale": 1.0,
    "audio_modality_scale": 1.0,
    "guidance_rescale": 0.0,
    "audio_guidance_rescale": 0.0,
}
GUIDANCE: dict[str, dict[str, Any]] = {
    "off": OFF,
    "cfg": {**OFF, "guidance_scale": 3.0, "audio_guidance_scale": 7.0},
    "all": {
        "guidance_scale": 3.0,
        "audio_guidance_scale": 7.0,
        "stg_scale": 1.0,
        "audio_stg_scale": 0.5,
        "modality_scale": 3.0,
        "audio_modality_scale": 2.0,
        "guidance_rescale": 0.7,
        "audio_guidance_rescale": 0.6,
    },
}
CASES = [
    pytest.param(size, generation, guidance, prefix, id=f"{size}-{generation}-{guidance}-{prefix}")
    for size in ("tiny", "larger")
    for generation in ("2.0", "2.3")
    for guidance in GUIDANCE
    for prefix in (0, 9)
]


def diffusers_run(path: Any, generation: str, guidance: dict[str, Any], **call: Any) -> Any:
    from diffusers import LTX2ConditionPipeline
    from longtake_ltx2.loading import align

    pipe = LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    for name in ("transformer", "vae", "audio_vae", "vocoder", "connectors", "text_encoder"):
        align(getattr(pipe, name))
    pipe.set_progress_bar_config(disable=True)
    blocks = [1] if guidance["stg_scale"] else None
    return pipe(
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        height=64,
        width=96,
        num_frames=25,
        frame_rate=24.0,
        num_inference_steps=3,
        spatio_temporal_guidance_blocks=blocks,
        use_cross_timestep=generation != "2.0",
        max_sequence_length=pipe.tokenizer.model_max_length,
        **guidance,
        **call,
    )


@pytest.mark.parametrize(("size", "generation", "guidance", "prefix"), CASES)
def test_latents_and_pictures_match(
    checkpoints: Checkpoints,
    record_property: Any,
    size: Size,
    generation: Any,
    guidance: str,
    prefix: int,
) -> None:
    from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

    path = checkpoints.path(generation, size)
    pipeline, probe = probed_pipeline(path, numerics="diffusers", dtype="float32", device="cpu")
    frames = moving_frames(prefix)
    state = LTX2ContinuationState(video_frames=frames) if prefix else None
    result = pipeline.generate(
        lt.GenerationRequest(
            PROMPT,
            negative_prompt=NEGATIVE,
            sampling=lt.Sampling(seed=7, num_inference_steps=3),
            stage_overrides={"denoise": {**GUIDANCE[guidance], "stg_blocks": [1]}},
            state=state.to_continuation_state() if state else None,
        )
    )
    assert result.job is not None

    def reference(output_type: str) -> Any:
        conditions = [LTX2VideoCondition(np.stack(frames), 0, 1.0)] if prefix else None
        return diffusers_run(
            path,
            generation,
            GUIDANCE[guidance],
            conditions=conditions,
            generator=torch.Generator("cpu").manual_seed(result.job.segment_seed),
            output_type=output_type,
        )

    latents, pictures = reference("latent"), reference("np")
    components = pipeline._model.components
    clean = probe.clean[-1]
    video_error = relative_error(latents.frames, decodable_video(clean.video, components["vae"]))
    audio_error = relative_error(
        latents.audio, decodable_audio(clean.audio, components["audio_vae"])
    )
    record_property("video_error", video_error)
    record_property("audio_error", audio_error)
    assert video_error < VIDEO_TOLERANCE
    assert audio_error < AUDIO_TOLERANCE
    expected = (pictures.frames[0] * 255).round()[prefix:]
    assert np.abs(expected - result.frames.astype(float)).max() <= 1
    if not prefix:
        sound = pictures.audio[0].numpy()
        assert result.audio is not None and result.audio.shape == sound.shape
        assert np.abs(result.audio - sound).max() < 1e-4
