#!/usr/bin/env bash
# Question: a picture's EXIF orientation says "mirrored" (2, 4, 5 or 7: front cameras, flipped
#   scans). What does PyAV's `VideoFrame.rotation` say, and can the mirroring be had elsewhere?
# A good guess: rotation counts quarter turns, so it leaves out the mirroring; whoever needs that
#   reads the display matrix from `frame.side_data`.
# What happens: 2 (mirrored left to right) is reported as -180, so turning by it makes the picture
#   upside down; 4 (upside down and mirrored) is reported as 0, so nothing seems to be needed; 5 and
#   7 look like 6 and 8. `side_data` raises ValueError for JPEG, PNG and WebP with EXIF: FFmpeg 8
#   adds the EXIF block itself as side data of kind 31, which PyAV cannot name, and one unknown kind
#   makes all the others unreadable. AVIF has no such block: there the matrix can be read.
# Versions: av 18.1.0 (FFmpeg 8.1.2), pillow 13.0.0, numpy 2.4.6.
# Consequence: a still or clip conditioned on `rotation` alone starts from a wrong picture, with no
#   sign of it. Read the matrix, and drop the unknown side data first (FFmpeg's filter `sidedata`).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 pillow==13.0.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import io

import av
import numpy as np
import PIL
from PIL import Image, ImageOps

print(f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}, pillow {PIL.__version__}")
pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def written(kind: str, orientation: int) -> bytes:
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(file, kind, exif=exif.tobytes())
    return file.getvalue()


def decoded(data: bytes):
    with av.open(io.BytesIO(data)) as container:
        return next(container.decode(video=0))


says = {1: 0, 2: -180, 3: -180, 4: 0, 5: -90, 6: -90, 7: 90, 8: 90}
wrong = []
for orientation, rotation in says.items():
    data = written("PNG", orientation)
    frame = decoded(data)
    assert frame.rotation == rotation, (orientation, frame.rotation)
    turned = np.rot90(frame.to_ndarray(format="rgb24"), round(rotation / 90) % 4)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    right = np.array_equal(turned, upright)
    print(f"orientation {orientation}: rotation {rotation:4}, turned by it: {right}")
    if not right:
        wrong.append(orientation)
assert wrong == [2, 4, 5, 7], wrong

for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
    for orientation, rotation in says.items():
        assert decoded(written(kind, orientation)).rotation == rotation, (kind, orientation)
    try:
        found = str([each.type.name for each in decoded(written(kind, 2)).side_data])
    except ValueError as error:
        found = f"ValueError: {error}"
    print(f"{kind}: the same rotations; side_data: {found}")
    expected = "['DISPLAYMATRIX']" if kind == "AVIF" else "ValueError: 31 is not a valid Type"
    assert found == expected, found
PYTHON
