#!/usr/bin/env bash
# Question: diffusers' LTX2Pipeline is asked for 24 frames at 24 fps. How long are picture and sound?
# A good guess: a second each; or both shorter, if the video VAE can only make 8k + 1 frames.
# What happens: 17 pictures, 0.71 s, with 0.97 s of sound. The frames are rounded down to 8k + 1 where
#   the picture's latents are counted; the sound's are counted from the frames that were asked for.
#   Nothing warns. With 25 frames both are about as long.
# Versions: diffusers 0.42.1, torch 2.13.0 (CPU), numpy 2.4.6, transformers 5.23.0.
# Consequence: up to 7 frames of sound belong to no picture. In a file the picture stands still at its
#   end, or the file is cut; clips that are joined drift apart by up to 0.29 s each. Round the frames
#   before the pipeline does, or cut the sound to the pictures.
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
states, mask = torch.randn(1, length, 2 * text), torch.ones(1, length, dtype=torch.long)
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
found = {}
for asked in (17, 24, 25):
    with torch.no_grad():
        made = pipeline(
            prompt_embeds=states,
            prompt_attention_mask=mask,
            negative_prompt_embeds=states,
            negative_prompt_attention_mask=mask,
            height=64,
            width=64,
            num_frames=asked,
            frame_rate=fps,
            num_inference_steps=2,
            output_type="np",
        )
    frames, samples = np.asarray(made.frames).shape[1], made.audio.shape[-1]
    found[asked] = (frames, frames / fps, samples / rate)
    print(f"asked for {asked}: {frames} frames, {frames / fps:.2f} s; sound of {samples / rate:.2f} s")
assert found[24][0] == 17, found
assert found[24][2] - found[24][1] > 0.25, found
for exact in (17, 25):
    assert found[exact][0] == exact and abs(found[exact][2] - found[exact][1]) < 0.05, found
print("more sound than picture")
PYTHON
