#!/usr/bin/env bash
# Question: LTX2ConditionPipeline of diffusers is to lead a video of 49 frames to a given last picture,
#   with index=-1, as its own example does ("last_image"). At which frame does the transformer see it?
# A good guess: at frame 48, the last one, so that the video arrives there.
# What happens: at frame 41. An index counts frames of latents, each of which is eight of pictures, and
#   the picture lies at the first of those eight; what comes behind it is free. No index means any of
#   frames 2 to 8, 10 to 16 and so on, and the index of frame 48 is skipped with a line in the log.
# Versions: diffusers 0.42.1, torch 2.13.0 (CPU), numpy 2.4.6, transformers 5.23.0.
# Consequence: ask for a video that is as much longer, and cut it behind the picture; or give a clip of
#   the last eight frames. Code that counts indices in pictures (48) makes videos without a last picture.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile diffusers==0.42.1 torch==2.13.0 numpy==2.4.6 \
  transformers==5.23.0
HF_HUB_OFFLINE=1 "$work/venv/bin/python" -W ignore - <<'PYTHON'
import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKLLTX2Video, LTX2ConditionPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

FRAMES, FPS, SIZE = 49, 24.0, 64
levels = ("spatiotemporal", "spatiotemporal", "temporal")
pipeline = LTX2ConditionPipeline(  # of what it is made of, conditions need the VAE alone
    scheduler=None,
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
    audio_vae=None,
    text_encoder=None,
    tokenizer=None,
    connectors=None,
    transformer=None,
    vocoder=None,
)
picture = np.zeros((1, SIZE, SIZE, 3), np.uint8)


def frame_of(index: int) -> float | None:
    """Where the picture's token lies in time, in frames; None if it is left out."""
    with torch.no_grad():
        *_, coordinates = pipeline.prepare_latents(
            LTX2VideoCondition(frames=picture, index=index, crf=0),
            num_channels_latents=8,
            height=SIZE,
            width=SIZE,
            num_frames=FRAMES,
            frame_rate=FPS,
            dtype=torch.float32,
            device=torch.device("cpu"),
            generator=torch.Generator().manual_seed(0),
        )
    return None if coordinates is None else round(coordinates[0, 0, 0, 0].item() * FPS, 3)


print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
found = {index: frame_of(index) for index in (-1, -2, 1, 6, 48)}
for index, frame in found.items():
    where = "nowhere" if frame is None else f"at frame {frame:.0f}"
    print(f"a picture with index {index} of a video of {FRAMES} frames, 0 to {FRAMES - 1}: {where}")
assert found == {-1: 41.0, -2: 33.0, 1: 1.0, 6: 41.0, 48: None}, found
PYTHON
