#!/usr/bin/env bash
# Question: one yuv420p frame is converted by PyAV to several RGB formats, size unchanged. Do they
#   hold the same colours, up to rounding? Does the `interpolation` named decide how the chroma, of
#   half the size, is brought to full size?
# A good guess: yes and yes. The format says how numbers are stored; bilinear is bilinear.
# What happens: rgb24, rgba, rgb48le, rgba64le and gbrp repeat each chroma sample (2 x 2 blocks),
#   whatever the interpolation named. gbrap, gbrp10le, gbrp12le, gbrp16le and gbrpf32le interpolate.
#   At a sharp edge of colour, red differs by 44 of 255 (bilinear; 37 to 91 for the others). More
#   depth alone (rgb48le) does not change it, and an alpha plane alone (gbrap beside gbrp) does.
#   Only ACCURATE_RND and FULL_CHR_H_INT together, which PyAV lists among the interpolations, make
#   rgb24 interpolate; each alone does not.
# Versions: av 18.1.0 (FFmpeg 8.1.2, swscale 9.5), numpy 2.4.6.
# Consequence: two readers of one clip, an 8-bit one and a float one, feed a model different edges;
#   pixel tests against another path need the same family of formats. interpolation="LANCZOS" alone
#   buys nothing at equal size: add both flags.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import av
import numpy as np
from av.video.reformatter import Interpolation

print(f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}")
height, width = 32, 64
planes = np.full((height * 3 // 2, width), 128, np.uint8)
chroma = planes[height:].reshape(2, height // 2, width // 2)
chroma[0, :, 8:], chroma[1, :, 8:] = 60, 240
source = av.VideoFrame.from_ndarray(planes, format="yuv420p")

FULL = {
    **dict.fromkeys(("rgb24", "rgba", "gbrp", "gbrap"), 255),
    **dict.fromkeys(("rgb48le", "rgba64le", "gbrp16le"), 65535),
    "gbrp10le": 1023,
    "gbrp12le": 4095,
    "gbrpf32le": 1,
}
REPEATING = ("rgb24", "rgba", "rgb48le", "rgba64le", "gbrp")


def red(kind: str, interpolation: str | Interpolation) -> np.ndarray:
    """Along a row, 0..255; the colour changes between the columns 15 and 16."""
    pixels = source.reformat(format=kind, interpolation=interpolation).to_ndarray()
    assert pixels.shape[:2] == (height, width), pixels.shape
    return pixels[4, 10:22, 0].astype(float) / FULL[kind] * 255


for interpolation in ("FAST_BILINEAR", "BILINEAR", "BICUBIC", "LANCZOS"):
    plain = red("rgb24", interpolation)
    for kind in FULL:
        found = red(kind, interpolation)
        off = float(np.abs(found - plain).max())
        print(f"{interpolation:13} {kind:10} {np.rint(found).astype(int)} off by {off:.0f}")
        assert off < 2 if kind in REPEATING else off > 30, (kind, off)
    assert np.unique(np.rint(plain)).size == 2, plain

BILINEAR, ACCURATE = Interpolation.BILINEAR, Interpolation.ACCURATE_RND
FULL_CHROMA = Interpolation.FULL_CHR_H_INT
for flags in (ACCURATE, FULL_CHROMA, ACCURATE | FULL_CHROMA):
    found = red("rgb24", BILINEAR | flags)
    print(f"rgb24 with {flags.name}: {np.rint(found).astype(int)}")
    wanted = red("gbrp16le", "BILINEAR") if flags == ACCURATE | FULL_CHROMA else plain
    assert np.abs(found - wanted).max() < 2, (flags, found)
PYTHON
