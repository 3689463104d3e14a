#!/usr/bin/env bash
# Question: white of limited-range video (235 in 8 bits, 940 in 10) is converted to RGB by PyAV, to
#   8, 10 and 16 bits and to floats. Is it white: 255, 1023, 65535, 1.0?
# A good guess: yes; if anything the wide formats are the more exact.
# What happens: only 8-bit video to 8 bits is. 10-bit video to rgb24 gives 253. To 16 bits it is
#   65283, from 8-bit 4:2:0 even 65021, to gbrp10le 1020, to floats 0.99615, never more. So 1/256 is
#   missing, and full-range video lacks it too (gbrpf32le: 0.99611). The flags ACCURATE_RND and
#   FULL_CHR_H_INT mend rgb24 alone. Black is exact everywhere.
# Versions: av 18.1.0 (FFmpeg 8.1.2, swscale 9.5; x86-64), numpy 2.4.6.
# Consequence: a clip read as floats for more precision is darker than the same one read as bytes,
#   and white never reaches 1. There and back through PyAV hides it, since the way back has the same
#   scale. Set the flags for rgb24; for more bits take Y'CbCr (yuv444p16le) and multiply by the
#   matrix oneself.
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
BT709, LIMITED, FULL = 1, 1, 2
ACCURATE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
RGB = ("rgb24", "gbrp10le", "rgb48le", "gbrp16le", "gbrpf32le")


def grey(kind: str, luma: int, middle: int, colour_range: int) -> av.VideoFrame:
    frame = av.VideoFrame(64, 32, kind)
    type_ = np.uint16 if middle > 128 else np.uint8
    for plane, code in zip(frame.planes, (luma, middle, middle)):
        plane.update(np.full(plane.buffer_size // type_().itemsize, code, type_).tobytes())
    frame.colorspace, frame.color_range = BT709, colour_range
    return frame


def converted(frame: av.VideoFrame, **options: Interpolation) -> list[float]:
    found = [frame.reformat(format=kind, **options).to_ndarray()[4, 4] for kind in RGB]
    assert all(np.ptp(each) == 0 for each in found), found
    return [round(float(each[0]), 5) for each in found]


wide = [1020, 65283, 65283, 0.99615]
cases = {  # frame; white as it comes; white with the flags; black
    "8-bit 4:2:0": (
        ("yuv420p", 235, 128, LIMITED),
        [255, 1020, 65021, 65283, 0.99615],
        [255, *wide],
    ),
    "8-bit 4:4:4": (("yuv444p", 235, 128, LIMITED), [255, *wide], [255, *wide]),
    "10-bit 4:2:0": (("yuv420p10le", 940, 512, LIMITED), [253, *wide], [255, *wide]),
    "10-bit 4:2:2": (("yuv422p10le", 940, 512, LIMITED), [253, *wide], [255, *wide]),
    "8-bit 4:2:0, full range": (
        ("yuv420p", 255, 128, FULL),
        [255, 1020, 65535, 65280, 0.99611],
        [255, 1020, 65280, 65280, 0.99611],
    ),
}
print(f"white in {', '.join(RGB)}")
for name, (white, plain, flagged) in cases.items():
    kind, _, middle, colour_range = white
    found = [converted(grey(*white)), converted(grey(*white), interpolation=ACCURATE)]
    print(f"{name}: {found[0]}; with flags {found[1]}")
    assert found == [plain, flagged], (found, plain, flagged)
    black = grey(kind, 0 if colour_range == FULL else 16 * middle // 128, middle, colour_range)
    assert converted(black) == [0] * 5, converted(black)

wide_again = grey("yuv420p10le", 940, 512, LIMITED).reformat(format="gbrpf32le")
back = wide_again.reformat(format="yuv420p10le", dst_colorspace="ITU709", dst_color_range="MPEG")
print(f"10-bit white to floats and back: {back.to_ndarray()[0, 0]}")
assert back.to_ndarray()[0, 0] == 940
PYTHON
