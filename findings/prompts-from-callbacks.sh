#!/usr/bin/env bash
# Question: LTX2Pipeline of diffusers hands its `callback_on_step_end` the prompt's embeddings, if
#   asked to, and takes back what the callback returns. What happens when the callback returns those
#   of another prompt after the first of four steps?
# A good guess: the other three steps follow the other prompt, as in the pipelines from which recipes
#   for callbacks come (a prompt that changes, guidance that ends early).
# What happens: nothing. The networks follow what the connectors made of the embeddings, once, before
#   the first step, and callbacks do not get that. What is returned is kept and never used: the video
#   is the same to the bit. Latents that a callback returns do count.
# Versions: diffusers 0.42.1, torch 2.13.0 (CPU), numpy 2.4.6, transformers 5.23.0.
# Consequence: a prompt that changes within a run needs a loop of one's own, or segments with a prompt
#   each. Do not take a callback that raises nothing for one that does something.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile diffusers==0.42.1 torch==2.13.0 numpy==2.4.6 \
  transformers==5.23.0
HF_HUB_OFFLINE=1 "$work/venv/bin/python" - <<'PYTHON'
import warnings

import diffusers
import numpy as np
import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder

warnings.simplefilter("ignore")
torch.manual_seed(0)
levels = ("spatiotemporal", "spatiotemporal", "temporal")
text, length, rate, fps = 32, 8, 24_000, 24.0
pipeline = LTX2Pipeline(  # the real classes, small, with random weights; no text encoder is needed
    scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.1),
    vae=AutoencoderKLLTX2Video(
        latent_channels=8,
        patch_size=8,
        block_out_channels=(8, 16, 8),
        down_block_types=("LTX2VideoDownBlock3D",) * 3,
        layers_per_block=(1, 1, 1, 1),
        spatio_temporal_scaling=(True,) * 3,
        downsample_type=levels,
        decoder_block_out_channels=(8, 8, 8),
        decoder_layers_per_block=(1, 1, 1, 1),
        decoder_spatio_temporal_scaling=(True,) * 3,
        upsample_type=levels,
        upsample_residual=(True,) * 3,
        upsample_factor=(1, 1, 1),
        decoder_spatial_padding_mode="zeros",
    ),
    audio_vae=AutoencoderKLLTX2Audio(
        base_channels=16, latent_channels=4, mel_bins=16, ch_mult=(1, 2, 2), num_res_blocks=1
    ),
    text_encoder=None,
    tokenizer=None,
    connectors=LTX2TextConnectors(
        caption_channels=text,
        text_proj_in_factor=2,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=16,
        video_connector_num_learnable_registers=length,
        video_connector_num_layers=1,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=16,
        audio_connector_num_learnable_registers=length,
        audio_connector_num_layers=1,
    ),
    transformer=LTX2VideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        audio_in_channels=16,
        audio_out_channels=16,
        audio_num_attention_heads=2,
        audio_attention_head_dim=16,
        audio_cross_attention_dim=32,
        num_layers=1,
        caption_channels=text,
    ),
    vocoder=LTX2Vocoder(
        in_channels=32,
        hidden_channels=16,
        upsample_kernel_sizes=[20, 48],
        upsample_factors=[10, 24],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1]],
    ),
)
pipeline.set_progress_bar_config(disable=True)
mask = torch.ones(1, length, dtype=torch.long)
tram, rain = torch.randn(1, length, 2 * text), torch.randn(1, length, 2 * text)


def made(states: torch.Tensor, **changed: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and sound; the callback returns what is ``changed`` after the first step."""

    def change(pipeline, step: int, timestep, tensors: dict) -> dict:
        return {**tensors, **(changed if step == 0 else {})}

    with torch.no_grad():
        result = pipeline(
            prompt_embeds=states,
            prompt_attention_mask=mask,
            guidance_scale=1.0,
            audio_guidance_scale=1.0,
            height=64,
            width=64,
            num_frames=17,
            frame_rate=fps,
            num_inference_steps=4,
            generator=torch.Generator().manual_seed(1),
            output_type="np",
            callback_on_step_end=change,
            callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"],
        )
    return np.asarray(result.frames), result.audio.numpy()


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
one, found = made(tram), {}
for name, other in (
    ("another prompt from the beginning", made(rain)),
    ("another prompt from the callback", made(tram, prompt_embeds=rain)),
    ("other latents from the callback", made(tram, latents=torch.zeros(1, 3, 8))),
):
    found[name] = all(map(np.array_equal, one, other))
    print(f"{name}: {'the same' if found[name] else 'another'} video")
assert list(found.values()) == [False, True, False], found
PYTHON
