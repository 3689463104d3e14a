"""Which way up a decoded picture is shown."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame

from longtake.errors import ValidationError

__all__ = ["side_data", "turns"]

_ASKEW = 1 / 64
"""How far off its axis a side may lie and still be upright: about one degree, as in FFmpeg."""

_NAMELESS = (29, 30, 31)
"""``AVFrameSideDataType`` of FFmpeg 8 that PyAV 18 has no names for; 31 is EXIF."""


def turns(frame: VideoFrame) -> tuple[bool, bool, bool]:
    """Whether it is transposed, then mirrored left to right, then flipped top to bottom.

    By the matrix of libavutil's ``display.h``, whether it comes from the container, from H.264's
    and HEVC's display orientation or from EXIF: a stored pixel (x, y) is shown at
    (a x + c y, b x + d y). Raises `ValidationError` with the path ``data`` when its sides are then
    not upright.
    """
    matrix = side_data(frame, "DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(float).tolist()
    if max(abs(b), abs(c)) <= _ASKEW * min(abs(a), abs(d)):  # so is an empty one, of zeros
        return False, a < 0, d < 0
    if max(abs(a), abs(d)) <= _ASKEW * min(abs(b), abs(c)):
        return True, c < 0, b < 0
    raise ValidationError("data", "is turned by no quarter turns, or skewed; convert it")


def side_data(frame: VideoFrame, kind: str) -> bytes | None:
    """What goes with a frame besides its pixels, by PyAV's name for it."""
    try:
        found: Any = frame.side_data
    except ValueError:
        # PyAV gives none of it when there is a kind that it does not know.
        found = _without_nameless(frame).side_data
    data = found.get(kind)
    return None if data is None else bytes(data)


def _without_nameless(frame: VideoFrame) -> VideoFrame:
    graph, clock = Graph(), Fraction(1, 1000)
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=clock
    )
    filters = [graph.add("sidedata", mode="delete", type=str(kind)) for kind in _NAMELESS]
    graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()
