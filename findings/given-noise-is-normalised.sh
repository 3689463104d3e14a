#!/usr/bin/env bash
# Question: LTX2Pipeline of diffusers takes `latents` and `audio_latents`: by its docstring noise, "to
#   be used as inputs", with which the same video can be made again. What does it make of the very
#   noise that it would have drawn itself?
# A good guess: the same video, but for rounding, as other pipelines of diffusers do.
# What happens: another one. Noise in the shape of the VAE's latents is taken for latents of a video,
#   and normalised by the mean and the deviation that the VAE's channels have, so that it is no noise
#   of unit variance any more. Pictures escape that when they are packed to [batch, tokens, channels];
#   sound is normalised in both shapes. Nothing says so.
# Versions: diffusers 0.42.1, torch 2.13.0 (CPU), numpy 2.4.6, transformers 5.23.0.
# Consequence: to give noise, pack that of the pictures, and scale that of the sound up first by what
#   the pipeline takes away (packed, times `latents_std`, plus `latents_mean`). Or hand over a
#   generator instead of noise.
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
DEVIATION = 2.0
for vae in (pipeline.vae, pipeline.audio_vae):  # every trained VAE has some that is not 1
    vae.latents_std.fill_(DEVIATION)
states, mask = torch.randn(1, length, 2 * text), torch.ones(1, length, dtype=torch.long)


def made(**noise: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The pipeline's pictures and sound, of this noise or of what it draws itself."""
    with torch.no_grad():
        result = pipeline(
            prompt_embeds=states,
            prompt_attention_mask=mask,
            negative_prompt_embeds=states,
            negative_prompt_attention_mask=mask,
            height=64,
            width=64,
            num_frames=17,
            frame_rate=fps,
            num_inference_steps=2,
            generator=torch.Generator().manual_seed(1),
            output_type="np",
            **noise,
        )
    return np.asarray(result.frames), result.audio.numpy()


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
drawn, again = made(), made()
assert all(map(np.array_equal, drawn, again)), "two runs of one seed differ"
same = torch.Generator().manual_seed(1)  # the pipeline draws the pictures' noise first
pictures, sound = (torch.randn(shape, generator=same) for shape in ((1, 8, 3, 1, 1), (1, 4, 18, 4)))
packed_pictures = pictures.flatten(2).transpose(1, 2)
packed_sound = sound.transpose(1, 2).flatten(2)
found = {}
for name, latents, audio_latents in (
    ("as the VAEs have it", pictures, sound),
    ("packed", packed_pictures, packed_sound),
    ("packed, the sound scaled up", packed_pictures, packed_sound * DEVIATION),
):
    given = made(latents=latents, audio_latents=audio_latents)
    found[name] = max(float(np.abs(one - other).max()) for one, other in zip(given, drawn))
    print(f"its own noise, {name}: differs by up to {found[name]:.1e}")
raw, packed, scaled = found.values()
assert raw > 0.1 and packed > 0.1 and scaled < 1e-5, found
PYTHON
