#!/usr/bin/env bash
# Question: LTX2ConditionPipeline of diffusers goes on from a clip that LTX2Pipeline made. That came
#   out with output_type="np": floats from 0 to 1. By its docstring `LTX2VideoCondition` takes "any
#   type that can be handled by VideoProcessor.preprocess_video", which takes such floats. What does
#   the pipeline see?
# A good guess: the clip, from -1 to 1 as the VAE wants it, the same as of the clip in uint8.
# What happens: a black clip. Floats are taken for values from 0 to 255, so that all of it lies within
#   0.008 of black; the pipeline goes on from darkness without a word. That holds for arrays and
#   tensors of several frames. A single frame of floats is refused, since it would be compressed.
# Versions: diffusers 0.42.1, torch 2.13.0 (CPU), numpy 2.4.6.
# Consequence: give clips as uint8 (or as PIL images), never as a pipeline of diffusers returns them.
#   If a video goes on dark, look at the type of the frames before anything else.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile diffusers==0.42.1 torch==2.13.0 numpy==2.4.6 \
  transformers==5.23.0 av==18.1.0
HF_HUB_OFFLINE=1 "$work/venv/bin/python" -W ignore - <<'PYTHON'
import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKLLTX2Video, LTX2ConditionPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

levels = ("spatiotemporal", "spatiotemporal", "temporal")
pipeline = LTX2ConditionPipeline(  # of what it is made of, conditions need the VAE's shape alone
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
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}, numpy {np.__version__}")
clip = np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8)
clip[0, 0, 0], clip[0, 0, 1] = 0, 255
floats = (clip / 255).astype(np.float32)
found = {}
for name, frames in (
    ("uint8", clip),
    ("floats from 0 to 1", floats),
    ("a tensor of them", torch.from_numpy(floats).permute(0, 3, 1, 2)),
):
    conditions = [LTX2VideoCondition(frames=frames)]
    (seen,), *_ = pipeline.preprocess_conditions(conditions, height=64, width=64, num_frames=17)
    found[name] = seen.min().item(), seen.max().item()
    print(f"{name}: seen from {found[name][0]:.3f} to {found[name][1]:.3f}")
assert found["uint8"] == (-1.0, 1.0), found
for name in ("floats from 0 to 1", "a tensor of them"):
    assert found[name][0] == -1.0 and abs(found[name][1] + 1 - 1 / 127.5) < 1e-6, found
processed = pipeline.video_processor.preprocess_video(floats, height=64, width=64)
assert (processed.min().item(), processed.max().item()) == (-1.0, 1.0)
print("preprocess_video sees the floats from -1.000 to 1.000")
PYTHON
