#!/usr/bin/env bash
# Question: LTX2Pipeline of diffusers is asked for STG of the picture alone: stg_scale=1.0,
#   audio_stg_scale=0.0. Its docstring: 0.0 is disabled; the sound has the picture's if it is `None`.
#   What does the sound get?
# A good guess: no STG.
# What happens: it gets the picture's 1.0, because a 0 is taken for a `None`. The same happens to
#   audio_guidance_rescale, whose 0.0 means no rescaling. Nothing says so.
# Versions: diffusers 0.42.1, torch 2.13.0 (CPU), numpy 2.4.6, transformers 5.23.0.
# Consequence: where the sound is to have none, write a number that is next to nothing (1e-9).
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
        perturbed_attn=True,  # as LTX-2 has it from 2.3 on
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
states, mask = torch.randn(1, length, 2 * text), torch.ones(1, length, dtype=torch.long)


def sound(**of_sound: float) -> np.ndarray:
    """The pipeline's, with STG of 1.0 for the picture, and rescaled by 0.7."""
    with torch.no_grad():
        result = pipeline(
            prompt_embeds=states,
            prompt_attention_mask=mask,
            height=64,
            width=64,
            num_frames=17,
            frame_rate=fps,
            num_inference_steps=2,
            guidance_scale=1.0,
            audio_guidance_scale=1.0,
            modality_scale=1.0,
            audio_modality_scale=1.0,
            stg_scale=1.0,
            spatio_temporal_guidance_blocks=[0],
            guidance_rescale=0.7,
            generator=torch.Generator().manual_seed(1),
            output_type="np",
            **of_sound,
        )
    return result.audio.numpy()


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
usual = {"audio_stg_scale": 1.0, "audio_guidance_rescale": 0.7}
as_picture = sound(**usual)
for name in usual:
    differs = {}
    for value in (usual[name], 0.0, 1e-9):
        differs[value] = float(np.abs(sound(**(usual | {name: value})) - as_picture).max())
        print(f"{name}={value}: differs from the picture's by up to {differs[value]:.1e}")
    assert differs[usual[name]] == differs[0.0] == 0 < 1e-6 < differs[1e-9], differs
PYTHON
