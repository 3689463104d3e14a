#!/usr/bin/env bash
# Question: a sound is mixed down with PyAV's AudioResampler (5.1 to stereo, stereo to mono). Does
#   the level depend on the type of the samples asked for?
# A good guess: no. A sample type says how a number is written; the mix is the layouts' matter.
# What happens: to integers the matrix is scaled so that no row sums to more than 1; to floats it is
#   not. One file is 7.7 dB louder from 5.1 (3 dB from stereo to mono) when it is read as floats,
#   even when it holds 16-bit integers, and full scale becomes 2.41. Asking for 32-bit integers does
#   scale. And mono to stereo is 3 dB quieter for every type, so that a sound doubled and mixed back
#   is at its level for floats and 3 dB down for integers.
# Versions: av 18.1.0 (FFmpeg 8.1.2, swresample 6.3), numpy 2.4.6.
# Consequence: networks are fed floats, so surround sound reaches them beyond full scale, and a test
#   with 16-bit samples never shows it. The option rematrix_maxval=1.0 gives floats the scaled mix.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
from math import isclose, sqrt

import av
import numpy as np

print(f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}")
FULL = {"s16p": 2**15, "s32p": 2**31, "fltp": 1}
tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(9600) / 48000)


def frame(channels: int, layout: str, kind: str) -> av.AudioFrame:
    samples = np.tile(tone, (channels, 1)) * FULL[kind]
    samples = samples.astype(np.float32) if kind == "fltp" else np.rint(samples).astype(np.int16)
    made = av.AudioFrame.from_ndarray(samples, format=kind, layout=layout)
    made.sample_rate = 48000
    return made


def gain(sound: av.AudioFrame, layout: str, kind: str, **options: str) -> float:
    resampler = av.AudioResampler(kind, layout, 48000, options=options)
    parts = [part.to_ndarray() for part in resampler.resample(sound) + resampler.resample(None)]
    return float(np.abs(np.concatenate(parts, axis=1).astype(float)).max()) / FULL[kind] / 0.1


surround, half = 1 + sqrt(2), sqrt(0.5)
expected = {  # gain to integers, gain to floats, of the same signal in every channel
    (6, "5.1", "stereo"): (1, surround),
    (6, "5.1", "mono"): (1, 2 + sqrt(2)),
    (2, "stereo", "mono"): (1, sqrt(2)),
    (1, "mono", "stereo"): (half, half),
}
for (channels, layout, to), (integers, floats) in expected.items():
    for source in ("s16p", "fltp"):
        for kind in FULL:
            found = gain(frame(channels, layout, source), to, kind)
            wanted = floats if kind == "fltp" else integers
            print(f"{layout} {source} to {to} {kind}: {found:.4f}")
            assert isclose(found, wanted, abs_tol=2e-3), (found, wanted)

scaled = gain(frame(6, "5.1", "fltp"), "stereo", "fltp", rematrix_maxval="1.0")
print(f"5.1 fltp to stereo fltp with rematrix_maxval=1.0: {scaled:.4f}")
assert isclose(scaled, 1, abs_tol=2e-3), scaled
PYTHON
