#!/usr/bin/env bash
# Question: an animated AVIF of 3 pictures is decoded by PyAV as `container.decode(video=0)`. How
#   many pictures come out, and what are the file's video streams? Where is the alpha of one with
#   transparency?
# A good guess: 3, from one stream, as with GIF and APNG; transparent pictures come as yuva420p.
# What happens: 1. Stream 0 is the still that viewers without animation show; the animation is
#   stream 1, or 2 with transparency. `container.duration` is the animation's, so the file looks as
#   if its later pictures were missing. Alpha is never in the picture: it is a stream of its own, in
#   grey, for the still (1) and for the animation (3), the latter marked "default" like a picture.
#   `streams.best("video")` finds the animation.
# Versions: av 18.1.0 (FFmpeg 8.1.2), pillow 13.0.0 (libavif), numpy 2.4.6.
# Consequence: a clip given as AVIF conditions on one still; a transparent one is read as opaque,
#   its hidden colours shown. Choose the stream by streams.best and read AVIF stills with Pillow.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile av==18.1.0 pillow==13.0.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import io

import av
import PIL
from PIL import Image

print(f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}, pillow {PIL.__version__}")
OPAQUE = [(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)]
THIN = [(255, 0, 0, 255), (0, 255, 0, 128), (0, 0, 255, 10)]


def written(kind: str, mode: str, colours: list[tuple[int, ...]]) -> io.BytesIO:
    file = io.BytesIO()
    first, *more = [Image.new("RGBA", (64, 48), colour).convert(mode) for colour in colours]
    animation = {"save_all": True, "append_images": more, "duration": [100, 300, 200]}
    first.save(file, kind, **(animation if more else {}))
    return file


def streams(file: io.BytesIO) -> tuple[list[tuple[str, int]], int]:
    """Of each stream the pixel format and how many pictures it has; which one is best."""
    file.seek(0)
    with av.open(file) as container:
        best, count = container.streams.best("video").index, len(container.streams.video)
    found = []
    for index in range(count):
        file.seek(0)
        with av.open(file) as container:
            frames = list(container.decode(video=index))
            found.append((frames[0].format.name, len(frames)))
    return found, best


still, film = ("yuv420p", 1), ("yuv420p", 3)
expected = {
    "GIF, animated": (written("GIF", "RGB", OPAQUE), ([("bgra", 3)], 0)),
    "APNG, transparent": (written("PNG", "RGBA", THIN), ([("rgba", 3)], 0)),
    "AVIF, animated": (written("AVIF", "RGB", OPAQUE), ([still, film], 1)),
    "AVIF, animated, transparent": (
        written("AVIF", "RGBA", THIN),
        ([still, ("gray", 1), film, ("gray", 3)], 2),
    ),
    "AVIF still": (written("AVIF", "RGB", OPAQUE[:1]), ([still], 0)),
    "AVIF still, transparent": (written("AVIF", "RGBA", THIN[1:2]), ([still, ("gray", 1)], 0)),
}
for name, (file, wanted) in expected.items():
    found = streams(file)
    print(f"{name}: streams {found[0]}, best {found[1]}")
    assert found == wanted, (found, wanted)

file = expected["AVIF, animated"][0]
file.seek(0)
with av.open(file) as container:
    print(f"duration {container.duration / av.time_base} s")
    assert container.duration == 600_000, container.duration
file.seek(0)
assert Image.open(file).n_frames == 3
PYTHON
