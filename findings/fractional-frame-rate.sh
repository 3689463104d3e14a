#!/usr/bin/env bash
# Question: a pipeline of diffusers has made picture and sound at 29.97 frames a second, which its
#   `frame_rate` takes. `encode_video`, to which its example hands the same number, writes the MP4.
#   How fast does that play?
# A good guess: at 29.97, as H.264 in MP4 does everywhere, so that picture and sound end together; or
#   a rate that is no whole number is refused.
# What happens: the fraction is dropped without a word, so the picture plays at 29, and at 23 of
#   23.976. The sound keeps its own rate: of ten seconds the picture takes a third of a second longer,
#   and every sound comes earlier than what it belongs to, by more the longer the video is.
# Versions: diffusers 0.42.1, av 18.1.0, torch 2.13.0 (CPU).
# Consequence: write such a video yourself, with the rate as a fraction (30000/1001), or ask the
#   pipeline for a whole number in the first place. A file's rate belongs among what is checked.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$work/venv/bin/pip" install --quiet --no-compile diffusers==0.42.1 av==18.1.0 numpy==2.4.6 \
    pillow==13.0.0 tqdm
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from fractions import Fraction
from importlib.metadata import version

import av
import torch
from diffusers.utils import encode_video

print(", ".join(f"{name} {version(name)}" for name in ("diffusers", "av", "torch")))
HERTZ = 48_000
found = {}
for name, asked, frames in (
    ("25", Fraction(25), 250),
    ("29.97", Fraction(30_000, 1001), 300),
    ("23.976", Fraction(24_000, 1001), 240),
):
    pictures = torch.randint(0, 256, (frames, 64, 64, 3), dtype=torch.uint8)
    tone = 0.1 * torch.sin(torch.arange(int(frames / asked * HERTZ)) / 50).repeat(2, 1)
    encode_video(
        pictures, fps=float(asked), output_path="made.mp4", audio=tone, audio_sample_rate=HERTZ
    )
    with av.open("made.mp4") as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        lengths = [float(stream.duration * stream.time_base) for stream in (video, audio)]
        found[name] = str(video.average_rate), *(f"{seconds:.2f}" for seconds in lengths)
    print(f"{name} asked: {found[name][0]}, picture {lengths[0]:.2f} s, sound {lengths[1]:.2f} s")
assert found == {
    "25": ("25", "10.00", "10.00"),
    "29.97": ("29", "10.34", "10.01"),
    "23.976": ("23", "10.43", "10.01"),
}, found
PYTHON
