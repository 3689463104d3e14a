#!/usr/bin/env bash
# Question: PyAV's reformat() takes dst_color_trc. What does an HDR frame (PQ) become as linear
#   light in 32-bit floats: are its highlights kept, and what is 1.0?
# A good guess: floats have room above 1, so 203 nits are 1.0 and 1000 nits are 4.9, or else all
#   10000 nits are scaled to 1.0.
# What happens: 1.0 is about 207 nits and all above is cut off: 400 and 10000 nits are the same
#   number, in floats as in 8 bits, with no warning. The same frame without dst_color_trc keeps them
#   apart (as PQ codes), and so does PQ to PQ. dst_colorspace alone converts nothing: it only
#   names another matrix on the result.
# Versions: av 18.1.0 (FFmpeg 8.1.2, swscale 9.5), numpy 2.4.6.
# Consequence: the float pixels of an HDR clip look like scene light and are an SDR rendition with
#   the highlights gone. Take the PQ codes (rgb48le, no dst_color_trc) and apply the curve oneself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import av
import numpy as np

print(f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}")
SMPTE2084, BT2020, BT2020_NCL, LIMITED = 16, 9, 9, 1


def pq(nits: float) -> float:
    """The code 0..1 of SMPTE ST 2084."""
    light = (nits / 10000) ** (2610 / 16384)
    part = (3424 / 4096 + 2413 / 128 * light) / (1 + 2392 / 128 * light)
    return part ** (2523 / 32)


def grey(nits: float) -> av.VideoFrame:
    frame = av.VideoFrame(32, 32, "yuv420p10le")
    for plane, code in zip(frame.planes, (round(64 + 876 * pq(nits)), 512, 512)):
        plane.update(np.full(plane.buffer_size // 2, code, np.uint16).tobytes())
    frame.color_trc, frame.color_primaries = SMPTE2084, BT2020
    frame.colorspace, frame.color_range = BT2020_NCL, LIMITED
    return frame


def value(nits: float, **to: str) -> float:
    return float(grey(nits).reformat(format="gbrpf32le", **to).to_ndarray()[0, 0].mean())


linears = []
for nits in (100, 203, 400, 10000):
    linear = value(nits, dst_color_trc="LINEAR")
    linears.append(linear)
    kept = value(nits, dst_color_trc="SMPTE2084")
    plain = value(nits, dst_colorspace="ITU709")
    print(f"{nits:5} nits: linear {linear:.4f}, PQ to PQ {kept:.4f}, ITU709 alone {plain:.4f}")
    wanted = min(nits / 207, 1)
    assert abs(linear - wanted) < 0.01, (linear, wanted)
    assert abs(kept - pq(nits)) < 0.005 and abs(plain - pq(nits)) < 0.005, (kept, plain, pq(nits))
assert linears[2] == linears[3], linears

eight = grey(400).reformat(format="rgb24", dst_color_trc="BT709", dst_color_primaries="BT709")
assert eight.to_ndarray()[0, 0].tolist() == [255, 255, 255]
PYTHON
