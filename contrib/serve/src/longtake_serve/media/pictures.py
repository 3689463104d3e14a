"""Pictures of a take: one of its frames, its segments at a glance, and its sound."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from attrs import evolve

import longtake as lt
from longtake_serve.media.stream import StreamEntry, StreamNotFound, TakeStream
from longtake_serve.media.whole import WholeTake

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["peaks", "sheet", "still", "thumbnail", "waveform_image"]

_WAVE, _MIDDLE = (54, 98, 168, 255), (127, 127, 127, 96)


def thumbnail(
    stream: TakeStream, *, width: int = 320, kind: Literal["JPEG", "PNG"] = "JPEG"
) -> bytes:
    """The first frame of the segment in the middle of the take, ``width`` pixels wide or less.

    Raises `StreamNotFound` for a take without pictures.
    """
    from PIL.Image import fromarray

    pictured = [entry for entry in stream.entries if entry.pieces]
    if not pictured:
        raise StreamNotFound("the take has no picture yet")
    frame = next(_frames(stream, pictured[len(pictured) // 2]), None)
    if frame is None:
        raise StreamNotFound("the take has sound alone, so no picture")
    return _encoded(_narrow(fromarray(frame), width), kind)


def still(stream: TakeStream, *, width: int = 320) -> bytes:
    """The frame in the middle of the stream's first segment, as a JPEG of ``width`` or less.

    Raises `StreamNotFound` for one without pictures.
    """
    from PIL.Image import fromarray

    entry = stream.entries[0]
    frame = next(_frames(stream, entry, after=entry.seconds / 2), None)
    if frame is None:
        raise StreamNotFound("the segment has sound alone, so no picture")
    return _encoded(_narrow(fromarray(frame), width), "JPEG")


def peaks(stream: TakeStream, *, count: int = 64) -> list[float]:
    """The loudest sample of each of ``count`` equal parts of the stream, 0 to 1; 0 for silence."""
    import numpy as np

    heard = [np.abs(samples).max(0) for _, samples in _sounds(stream)]
    if not heard:
        return [0.0] * count
    parts = np.array_split(np.concatenate(heard), count)
    return [round(min(1.0, float(part.max(initial=0.0))), 4) for part in parts]


def sheet(stream: TakeStream, labels: Sequence[str], *, first: int = 0, count: int = 12) -> bytes:
    """The contact sheet (`longtake.contact_sheet`) of at most ``count`` segments, as a PNG.

    ``labels``: a line for each segment of the stream. ``first``: the first one that is shown.
    Raises `StreamNotFound` when there is none.
    """
    import numpy as np

    entries = [entry for entry in stream.entries if entry.pieces][first : first + count]
    if not entries:
        raise StreamNotFound(f"the stream has no segment {first}")
    views = []
    for entry, label in zip(entries, labels[first:], strict=False):
        begin = end = None
        for end in _frames(stream, entry):
            begin = end if begin is None else begin
        views.append(lt.SegmentView(begin, end, label, float(entry.seconds)))
    heard = list(_sounds(evolve(stream, entries=tuple(entries))))
    rate = heard[0][0] if heard else None
    sound = np.concatenate([samples for _, samples in heard], axis=1) if heard else None
    return _encoded(lt.contact_sheet(views, audio=sound, sample_rate=rate), "PNG")


def waveform_image(stream: TakeStream, *, width: int = 1200, height: int = 120) -> bytes:
    """The loudest and softest sample of each column over the take, as a PNG on nothing.

    It is as high as the loudest of all. A take without sound is a line.
    """
    import numpy as np
    from PIL.Image import fromarray

    seconds = max(Fraction(1, 1000), sum((entry.seconds for entry in stream.entries), Fraction(0)))
    lows, highs = np.zeros(width), np.zeros(width)
    at = 0
    for rate, samples in _sounds(stream):
        count = samples.shape[1]
        columns = ((at + np.arange(count)) * width / float(seconds * rate)).astype(int)
        columns = np.clip(columns, 0, width - 1)
        np.minimum.at(lows, columns, samples.min(0))
        np.maximum.at(highs, columns, samples.max(0))
        at += count
    peak = max(1e-4, float(highs.max()), float(-lows.min()))
    pixels = np.zeros((height, width, 4), np.uint8)
    middle = (height - 1) / 2
    pixels[round(middle)] = _MIDDLE
    rows = np.arange(height)[:, None]
    top, bottom = middle - highs / peak * middle, middle - lows / peak * middle
    sounding = (highs - lows) > 0
    pixels[(rows >= np.floor(top)) & (rows <= np.ceil(bottom)) & sounding] = _WAVE
    return _encoded(fromarray(pixels), "PNG")


def _narrow(image: Image, width: int) -> Image:
    """It in the same shape, at most so wide."""
    from PIL.Image import Resampling

    if image.width <= width:
        return image
    height = max(1, round(width * image.height / image.width))
    return image.resize((width, height), Resampling.LANCZOS)


def _frames(
    stream: TakeStream, entry: StreamEntry, *, after: Fraction = Fraction(0)
) -> Iterator[NDArray[np.uint8]]:
    """Its pictures from ``after`` seconds on, each uint8 RGB ``[H, W, 3]``."""
    import av
    import numpy as np
    from av.video.reformatter import Colorspace

    data = entry.initialization + b"".join(stream.parts_of(entry))
    with av.open(io.BytesIO(data), "r") as file:
        if file.streams.video:
            first = None
            for frame in file.decode(video=0):
                first = frame.time if first is None else first
                if frame.time < first + after:
                    continue
                rgb = frame.reformat(format="rgb24", src_colorspace=Colorspace.ITU709)
                yield rgb.to_ndarray().astype(np.uint8, copy=False)


def _sounds(stream: TakeStream) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The rate and samples, float32 ``[channels, n]``, piece by piece."""
    import av
    import numpy as np

    if not stream.entries:
        return
    with WholeTake(stream).open() as opened, av.open(opened, "r") as file:
        if not file.streams.audio:
            return
        resampler = av.AudioResampler("fltp")
        for frame in file.decode(audio=0):
            for planar in resampler.resample(frame):
                yield frame.sample_rate, planar.to_ndarray().astype(np.float32, copy=False)


def _encoded(image: Image, kind: str) -> bytes:
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()
