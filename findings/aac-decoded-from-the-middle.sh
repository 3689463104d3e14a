#!/usr/bin/env bash
# Question: an AAC file that FFmpeg has made of a tone with noise is decoded twice, once whole and
#   once from its 50th packet on. From when on are the samples the same?
# A good guess: after one frame. An AAC frame overlaps with its neighbour, and a decoder has no other
#   memory; so a player that seeks hears what one hears that does not.
# What happens: never. Every sample differs, by a quarter of the sound's own level, for 3 s. Both are
#   repeatable. FFmpeg's encoder replaces noisy bands by their level alone (perceptual noise
#   substitution, on by default), and its decoder makes that noise from a generator that runs on from
#   frame to frame and is not set at a seek. With aac_pns=0 all samples are the same, bit for bit.
# Versions: av 18.1.0 (FFmpeg 8.1.2; x86-64), numpy 2.4.6.
# Consequence: two cuts of one AAC file, or a file and the parts that it was joined of, cannot be
#   compared by their samples, and packets that another encoder has made do not decode to what they
#   did in their own file. Encode with aac_pns=0 where samples must not depend on what came before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import io
from fractions import Fraction

import av
import numpy as np

RATE, SKIPPED = 48000, 50
print(f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}")


def encoded(sound: np.ndarray, **options: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("aac", rate=RATE, options=options)
        stream.layout, stream.bit_rate = "mono", 64_000
        for start in range(0, sound.shape[1], 1024):
            block = np.ascontiguousarray(sound[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def decoded(data: bytes, skipped: int = 0) -> np.ndarray:
    with av.open(io.BytesIO(data)) as file:
        packets = list(file.demux(audio=0))[skipped:]
        return np.concatenate([f.to_ndarray()[0] for p in packets for f in p.decode()])


seconds = np.arange(4 * RATE) / RATE
noise = np.random.default_rng(0).standard_normal(len(seconds))
sound = (0.2 * np.sin(2 * np.pi * 300 * seconds) + 0.1 * noise)[None].astype(np.float32)

found = {}
for name, options in (("as it is by default", {}), ("with aac_pns=0", {"aac_pns": "0"})):
    data = encoded(sound, **options)
    whole, later = decoded(data), decoded(data, SKIPPED)
    assert np.array_equal(whole, decoded(data))
    same = whole[len(whole) - len(later) :]
    off = np.abs(same - later)[4 * 1024 :]
    level = float(np.sqrt(np.mean(off**2)) / np.sqrt(np.mean(same**2)))
    found[name] = (float((off > 0).mean()), level)
    print(f"{name}: {found[name][0]:.1%} of {len(off)} samples differ, by {level:.2f} of the level")

share, level = found["as it is by default"]
assert share > 0.99 and 0.1 < level < 0.5, found
assert found["with aac_pns=0"] == (0.0, 0.0), found
PYTHON
