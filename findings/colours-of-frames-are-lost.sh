#!/usr/bin/env bash
# Question: PyAV decodes an HDR clip (BT.2020, PQ), whose frames say so, and encodes these frames again
#   as they are, by H.264, HEVC, AV1 and FFV1. What does the new file say of its colours?
# A good guess: the same, as the ffmpeg program does it: each frame carries its primaries, its transfer
#   and its matrix to the encoder.
# What happens: nothing. Every encoder writes "unspecified", and players show the PQ codes as SDR, pale
#   and grey, or guess the matrix from the height. Only what is set on the encoder (stream.codec_context)
#   is written.
# Versions: PyAV 18.1.0 (FFmpeg's libavcodec 62.28.102), numpy 2.4.6.
# Consequence: copy color_primaries, color_trc and colorspace from the first frame to
#   stream.codec_context before anything is encoded; compare what the new file says.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 numpy==2.4.6
SVT_LOG=1 "$work/venv/bin/python" - 2> "$work/log" <<'PYTHON' || { cat "$work/log"; exit 1; }
import io
from fractions import Fraction

import av

av.logging.set_level(av.logging.PANIC)
NAMES = ("color_primaries", "color_trc", "colorspace")
HDR, UNSPECIFIED = (9, 16, 9), (2, 2, 2)  # ITU-T H.273: BT.2020, PQ, BT.2020's matrix


def grey() -> list[av.VideoFrame]:
    """Frames that know nothing of colours."""
    frames = []
    for number in range(5):
        frame = av.VideoFrame(128, 128, "yuv420p10le")
        for plane in frame.planes:
            plane.update(b"\x00\x02" * (plane.buffer_size // 2))
        frame.pts = number
        frames.append(frame)
    return frames


def encoded(frames: list[av.VideoFrame], codec: str, tags: tuple[int, ...] | None) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as file:
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        stream = file.add_stream(codec, rate=10, options=options)
        stream.width = stream.height = 128
        stream.pix_fmt = "yuv420p10le"
        for name, value in zip(NAMES, tags or ()):
            setattr(stream.codec_context, name, value)
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, 10)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def decoded(data: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(data)) as file:
        return list(file.decode(video=0))


def said(frame: av.VideoFrame) -> tuple[int, ...]:
    return tuple(int(getattr(frame, name)) for name in NAMES)


print(f"PyAV {av.__version__}, libavcodec {av.library_versions['libavcodec']}")
clip = encoded(grey(), "ffv1", HDR)
assert said(decoded(clip)[0]) == HDR
for codec in ("libx264", "libx265", "libsvtav1", "ffv1"):
    frames = decoded(clip)
    assert all(said(frame) == HDR for frame in frames)
    again = said(decoded(encoded(frames, codec, None))[0])
    told = said(decoded(encoded(decoded(clip), codec, said(frames[0])))[0])
    print(f"{codec}: frames say {HDR}, the file says {again}; told by the encoder, {told}")
    assert again == UNSPECIFIED and told == HDR, codec
PYTHON
