#!/usr/bin/env bash
# Question: a clip is encoded by PyAV with the option crf=0, the best that the scale has, by H.264,
#   VP9 and AV1 (libsvtav1). How good is each?
# A good guess: lossless, or at least better than crf=1, as the scale says; AV1's goes from 0 to 63.
# What happens: libx264 and libvpx-vp9 are lossless. libsvtav1 makes the very bytes that it makes
#   without the option, which are those of crf=35: the wrapper takes 0 for "not said". crf=1 is 8 dB
#   better than crf=0. Nothing is warned of.
# Versions: av 18.1.0 (libavcodec 62.28), numpy 2.4.6.
# Consequence: who asks for a master copy gets a preview. Ask for crf=1 at best, or for another codec
#   where every bit counts, and compare what comes out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 numpy==2.4.6
cd "$work"
SVT_LOG=1 "$work/venv/bin/python" - <<'PYTHON'
import io
import math

import av
import numpy as np

print(f"av {av.__version__}, libavcodec {av.library_versions['libavcodec']}")
rows, columns = np.mgrid[0:128, 0:192]
CLIP = [
    np.concatenate(
        [
            127 + 90 * np.sin(columns / 7 + number / 3) * np.cos(rows / 5),
            np.full((64, 192), 110 + number),
        ]
    ).astype(np.uint8)
    for number in range(24)
]


def encoded(codec: str, **options: str) -> tuple[bytes, float]:
    """The packets, and the PSNR of what is decoded in dB (infinite: the same)."""
    file, packets = io.BytesIO(), []
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        for picture in [*CLIP, None]:
            given = picture is not None and av.VideoFrame.from_ndarray(picture, "yuv420p")
            for packet in stream.encode(given or None):
                packets.append(bytes(packet))
                container.mux(packet)
    file.seek(0)
    with av.open(file) as container:
        shown = [frame.to_ndarray() for frame in container.decode(video=0)]
    square = np.square(np.float64(shown) - CLIP).mean()
    return b"".join(packets), 10 * math.log10(255**2 / square) if square else math.inf


found = {}
for codec in ("libx264", "libvpx-vp9", "libsvtav1"):
    for options in ({"crf": "0"}, {"crf": "1"}, {"crf": "35"}, {}):
        packets, psnr = encoded(codec, **options)
        found[codec, options.get("crf")] = packets, psnr
        print(f"{codec}, crf {options.get('crf', 'not said')}: {len(packets)} bytes, {psnr:.1f} dB")

assert found["libx264", "0"][1] == found["libvpx-vp9", "0"][1] == math.inf
assert found["libsvtav1", "0"] == found["libsvtav1", None] == found["libsvtav1", "35"]
assert found["libsvtav1", "1"][1] > found["libsvtav1", "0"][1] + 6
PYTHON
