#!/usr/bin/env bash
# Question: an HLS list of type EVENT grows while a video is made: nothing is ever taken out of it, and
#   by its EXT-X-START a player is to begin at 0 s. PyAV opens it. Which picture comes first?
# A good guess: the first one. The list holds everything from the beginning on and says where to begin.
# What happens: pictures begin three segments before the end, as in a live broadcast; all that comes
#   before is never read, and nothing says so. FFmpeg, which PyAV is made of, heeds EXT-X-START only
#   with the option prefer_x_start, and no list of type EVENT or without a type is told from another,
#   until an EXT-X-ENDLIST ends it.
# Versions: PyAV 18.1.0 (FFmpeg's libavformat 62.12.102), numpy 2.4.6.
# Consequence: whoever reads an unfinished list by FFmpeg to keep or to check it passes
#   prefer_x_start=1, or live_start_index=0 where the list has no EXT-X-START.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from pathlib import Path

import av
import numpy as np

RATE, SEGMENTS = 10, 8
av.logging.set_level(av.logging.PANIC)
options = {
    "hls_time": "1",
    "hls_list_size": "0",
    "hls_segment_type": "fmp4",
    "hls_playlist_type": "event",
    "hls_flags": "omit_endlist",
}
with av.open("take.m3u8", "w", format="hls", options=options) as file:
    stream = file.add_stream("libx264", rate=RATE, options={"g": str(RATE), "bf": "0"})
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    for number in range(SEGMENTS * RATE):
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        frame.pts = number
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))
path = Path("take.m3u8")
text = path.read_text()
assert text.count("#EXTINF") == SEGMENTS and "#EXT-X-ENDLIST" not in text, text
text = text.replace("TYPE:EVENT\n", "TYPE:EVENT\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n")
path.write_text(text)


def first(options: dict[str, str]) -> float:
    """The time of the first picture, in seconds."""
    with av.open("take.m3u8", options=options) as file:
        return float(next(file.decode(video=0)).time)


print(f"PyAV {av.__version__}, libavformat {av.library_versions['libavformat']}")
begun = {"as it is": first({})}
begun["prefer_x_start"] = first({"prefer_x_start": "1"})
begun["live_start_index"] = first({"live_start_index": "0"})
path.write_text(text + "#EXT-X-ENDLIST\n")
begun["ended"] = first({})
for name, seconds in begun.items():
    print(f"a list of {SEGMENTS} s, {name}: pictures from {seconds:.1f} s on")
assert begun == {
    "as it is": SEGMENTS - 3.0,
    "prefer_x_start": 0.0,
    "live_start_index": 0.0,
    "ended": 0.0,
}, begun
PYTHON
