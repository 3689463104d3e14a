#!/usr/bin/env bash
# Question: FFmpeg's AAC encoder has two coders: "twoloop", its default, which searches for the best
#   quantisation of each band, and "fast", which its documentation calls worse below the default.
#   Tones and a chirp are encoded by each at 96 kbit/s. Which is nearer to what was given?
# A good guess: twoloop, or neither; it spends at most as many bytes.
# What happens: fast is 17 to 31 dB nearer, in 28 to 48 % of the bytes. The search of twoloop ends at
#   coarser steps and fills up the bit rate all the same.
# Versions: av 18.1.0 (libavcodec 62.28), numpy 2.4.6.
# Consequence: made-up sounds, measured after an MP4, seem to be 30 dB from what a model made. Compare
#   sound that was kept without loss (FLAC, PCM); do not take a coder's name for its quality.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import io
import math

import av
import numpy as np

print(f"av {av.__version__}, libavcodec {av.library_versions['libavcodec']}")
RATE, BLOCK = 48_000, 1024
SECONDS = np.arange(4 * RATE) / RATE
CHORD = [np.sin(2 * math.pi * hertz * SECONDS) for hertz in (220, 277, 330, 440, 554)]
SOUNDS = {
    "a chord that fades": 0.15 * sum(CHORD) * np.exp(-SECONDS / 2),
    "a tone that fades": 0.15 * CHORD[3] * np.exp(-SECONDS / 9),
    "a chirp": 0.3 * np.sin(2 * math.pi * (200 * SECONDS + 300 * SECONDS**2)),
}


def encoded(sound: np.ndarray, **options: str) -> tuple[int, float]:
    """How many bytes, and how far above the error the sound is, in dB."""
    file, size = io.BytesIO(), 0
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE, options=options)
        stream.layout, stream.bit_rate = "mono", 96_000
        for start in range(0, len(sound) - BLOCK + 1, BLOCK):
            block = np.float32(sound[None, start : start + BLOCK])
            frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
            frame.sample_rate, frame.pts = RATE, start
            for packet in stream.encode(frame):
                size += packet.size
                container.mux(packet)
        for packet in stream.encode(None):
            size += packet.size
            container.mux(packet)
    file.seek(0)
    with av.open(file) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return size, max(ratio(sound, heard[skipped:]) for skipped in (0, BLOCK))


def ratio(sound: np.ndarray, heard: np.ndarray) -> float:
    """Signal to noise in dB, but for the last blocks; the coder's delay is skipped, or is not."""
    count = min(len(sound), len(heard)) - 2 * BLOCK
    error = heard[:count] - sound[:count]
    return 10 * math.log10(np.square(sound[:count]).mean() / np.square(error).mean())


for name, sound in SOUNDS.items():
    found = {}
    for coder in ("not said", "twoloop", "fast"):
        said = {} if coder == "not said" else {"aac_coder": coder}
        found[coder] = encoded(sound, **said)
        print(f"{name}, coder {coder}: {found[coder][0]} bytes, {found[coder][1]:.1f} dB")
    assert found["not said"] == found["twoloop"]
    assert found["fast"][1] > found["twoloop"][1] + 15
    assert found["fast"][0] < found["twoloop"][0] / 2
PYTHON
