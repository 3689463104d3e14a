#!/usr/bin/env bash
# Question: a process makes the part of a video that begins at 50 s, and muxes it by PyAV as an MP4 for
#   players that are fed piece by piece (fragmented, `empty_moov`). Its first picture has the time
#   50 s. Where does the file begin?
# A good guess: at 50 s, as a plain MP4, a Matroska file and MPEG-TS of the same pictures do, so that the
#   parts of several processes lie behind each other.
# What happens: at 0. FFmpeg counts the times in fragments (`tfdt`) from the first picture, also with
#   `frag_discont`, `cmaf` and `dash`. `delay_moov` keeps the 50 s, in an edit list of the header, and
#   counts from 0 in the fragments, so that a player which has its header from another part is at 0
#   as well.
# Versions: PyAV 18.1.0 (FFmpeg's libavformat 62.12.102), numpy 2.4.6.
# Consequence: write the decode time into each `tfdt` oneself, or have the player move the part (of
#   Media Source Extensions, `timestampOffset`).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import io
import struct

import av
import numpy as np

RATE, BEGIN = 10, 50.0
av.logging.set_level(av.logging.PANIC)


def made(kind: str, flags: str) -> bytes:
    """Two seconds, from BEGIN on."""
    buffer = io.BytesIO()
    options = {"movflags": flags} if flags else {}
    with av.open(buffer, "w", format=kind, options=options) as file:
        stream = file.add_stream("libx264", rate=RATE, options={"g": str(RATE), "bf": "0"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(2 * RATE):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            frame.pts = round(BEGIN * RATE) + number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def first_picture(data: bytes) -> float:
    """Its time, in seconds."""
    with av.open(io.BytesIO(data)) as file:
        return float(next(file.decode(video=0)).time)


def first_fragment(data: bytes) -> int:
    """The decode time in its `tfdt`, in ticks of the track (ISO/IEC 14496-12, 8.8.12)."""
    at = data.index(b"tfdt") + 4
    form = ">Q" if data[at] else ">I"
    return int(struct.unpack_from(form, data, at + 4)[0])


print(f"PyAV {av.__version__}, libavformat {av.library_versions['libavformat']}")
for kind in ("mp4", "matroska", "mpegts"):
    seconds = first_picture(made(kind, ""))
    print(f"{kind}: begins at {seconds:.1f} s")
    assert seconds == BEGIN, (kind, seconds)
for flags in ("empty_moov", "empty_moov+frag_discont", "cmaf", "dash", "delay_moov"):
    data = made("mp4", f"frag_keyframe+{flags}")
    seconds, ticks = first_picture(data), first_fragment(data)
    print(f"mp4, fragments, {flags}: begins at {seconds:.1f} s, first tfdt {ticks}")
    assert seconds == (BEGIN if flags == "delay_moov" else 0.0), (flags, seconds)
    assert ticks == 0, (flags, ticks)
PYTHON
