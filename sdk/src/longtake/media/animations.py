"""Pictures alone as an animation for pages and messages: GIF, and WebP in lossy frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import chain, islice, pairwise
from types import MappingProxyType

import av
import numpy as np
from attrs import frozen
from av.container import OutputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from longtake.durable import replacement
from longtake.errors import OutputError
from longtake.files import check_replaceable

__all__ = ["ANIMATION_FORMATS", "AnimationFormat", "animation_format", "write_animation"]

_PALETTE_BYTES = 128 * 2**20
"""Of frames that share a palette, and are kept until it is known."""

_LARGEST = 2**32 - 2**27
"""Bytes of a file."""


@frozen
class AnimationFormat:
    """A kind of animation: ``ticks`` a second, in which frames are timed, and its limits.

    ``least_ticks``: of a frame; browsers show one that is shorter for 0.1 s. ``longest_side`` is in
    pixels. ``colours``: how many a frame may have; None for all.
    """

    name: str
    codec: str
    pixel_format: str
    ticks: int
    least_ticks: int
    longest_side: int
    options: Mapping[str, str]
    colours: int | None = None


_WEBP_OPTIONS = {"quality": "85", "compression_level": "4"}

ANIMATION_FORMATS: Mapping[str, AnimationFormat] = MappingProxyType(
    {
        ".gif": AnimationFormat("gif", "gif", "pal8", 100, 2, 65_535, {}, colours=256),
        ".webp": AnimationFormat("webp", "libwebp", "bgra", 1000, 11, 16_383, _WEBP_OPTIONS),
    }
)


def animation_format(path: str | os.PathLike[str]) -> AnimationFormat | None:
    """The format that the suffix of ``path`` names; None when it names no animation."""
    return ANIMATION_FORMATS.get(os.path.splitext(os.fspath(path))[1].lower())


def write_animation(
    path: str | os.PathLike[str],
    frames: Iterable[NDArray[np.uint8]],
    *,
    count: int,
    fps: Fraction,
    mode: int | None = None,
) -> None:
    """Write ``count`` ``frames``, each uint8 RGB ``[H, W, 3]``, as an endless GIF or WebP.

    Frame k begins at k / ``fps``, rounded to the format's ticks (10 ms in GIF, 1 ms in WebP), and
    all last as long as the frames do. Where a frame would be shorter than browsers show one (20 ms
    and 11 ms), it is left out, and the one before stays. ``frames`` are taken one by one and kept
    for one palette at the most; ``mode`` is as in `longtake.durable.replacement`.

    Raises `OutputError`, and has then changed nothing at ``path``.
    """
    name = os.fspath(path)
    form = animation_format(name)
    if form is None:
        known = " or ".join(ANIMATION_FORMATS)
        raise OutputError(name, f"is no animation; let the name end in {known}")
    check_replaceable(name)
    shown = iter(frames)
    first = next(shown, None) if count else None
    if first is None:
        raise OutputError(name, f"a {form.name.upper()} holds pictures, and there are none")
    if max(first.shape[:2]) > form.longest_side:
        most = form.longest_side
        raise OutputError(name, f"a {form.name.upper()} has at most {most} pixels a side")
    times = _times(count, fps, form)
    with (
        _reporting(name),
        replacement(os.path.realpath(name), mode=mode) as part,
    ):
        _write(part, form, chain((first,), shown), times)


@contextmanager
def _reporting(name: str) -> Iterator[None]:
    try:
        yield
    except (FFmpegError, OSError) as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(name, f"the animation cannot be written: {error}") from error


def _times(count: int, fps: Fraction, form: AnimationFormat) -> list[tuple[int, int]]:
    """Which frames are shown, and from which tick on; last the number and the tick of the end."""
    exact = form.ticks / fps
    end = max(form.least_ticks, round(count * exact))
    times = [(0, 0)]
    for number in range(1, count):
        tick = round(number * exact)
        if min(tick - times[-1][1], end - tick) >= form.least_ticks:
            times.append((number, tick))
    return [*times, (count, end)]


def _write(
    path: str,
    form: AnimationFormat,
    frames: Iterator[NDArray[np.uint8]],
    times: Sequence[tuple[int, int]],
) -> None:
    options = {"loop": "0"}
    if form.colours:
        options["final_delay"] = str(times[-1][1] - times[-2][1])
    pictures = _timed(frames, times, form)
    first = next(pictures)
    with av.open(path, "w", format=form.name, options=options) as container:
        stream = _open_stream(container, form, first)
        shown = chain((first,), pictures)
        for frame in _in_palettes(shown) if form.colours else shown:
            lasts = frame.duration
            for packet in stream.encode(frame.reformat(format=form.pixel_format)):
                packet.duration = lasts
                container.mux(packet)
            # Sizes in a WebP are of 32 bits, and FFmpeg does not look.
            if os.path.getsize(path) > _LARGEST:
                raise OSError("there are more than 4 GiB of it")
        for packet in stream.encode(None):
            container.mux(packet)


def _timed(
    frames: Iterator[NDArray[np.uint8]], times: Sequence[tuple[int, int]], form: AnimationFormat
) -> Iterator[VideoFrame]:
    """The frames that are shown, on the format's clock."""
    ends = iter(pairwise(times))
    (number, tick), (_, end) = next(ends)
    for index, pixels in enumerate(frames):
        if index != number:
            continue
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts, frame.duration = tick, end - tick
        frame.time_base = Fraction(1, form.ticks)
        yield frame
        following = next(ends, None)
        if following is None:
            return
        (number, tick), (_, end) = following


def _open_stream(
    container: OutputContainer, form: AnimationFormat, frame: VideoFrame
) -> VideoStream:
    stream = container.add_stream(form.codec, rate=form.ticks, options=dict(form.options))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = frame.width, frame.height
    stream.pix_fmt = form.pixel_format
    stream.time_base = stream.codec_context.time_base = Fraction(1, form.ticks)
    return stream


def _in_palettes(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """The frames in 256 colours each; as many as fit in memory have them in common."""
    for first in frames:
        size = 3 * first.width * first.height
        together = [first, *islice(frames, _PALETTE_BYTES // size)]
        yield from _in_palette(together)


def _in_palette(frames: Sequence[VideoFrame]) -> Iterator[VideoFrame]:
    """The frames in the 256 colours that serve all of them best, dithered."""
    durations = [frame.duration for frame in frames]
    [palette] = _filtered("palettegen", "reserve_transparent=0", [frames])
    # Only what changes is dithered anew: what stands still does not flicker.
    dithering = "dither=sierra2_4a:diff_mode=rectangle"
    coloured = _filtered("paletteuse", dithering, [frames, [palette]])
    for frame, lasts in zip(coloured, durations, strict=True):
        frame.duration = lasts
        yield frame


def _filtered(
    name: str, arguments: str, inputs: Sequence[Sequence[VideoFrame]]
) -> Iterator[VideoFrame]:
    """What the FFmpeg filter makes of its ``inputs``; of the last one all is read first."""
    graph = Graph()
    node, sink = graph.add(name, arguments), graph.add("buffersink")
    buffers = [_input_of(graph, frames[0]) for frames in inputs]
    for pad, buffer in enumerate(buffers):
        buffer.link_to(node, 0, pad)
    node.link_to(sink)
    graph.configure()
    for buffer, frames in reversed([*zip(buffers, inputs, strict=True)]):
        for frame in chain(frames, (None,)):
            buffer.push(frame)
            yield from _ready(sink)


def _input_of(graph: Graph, frame: VideoFrame) -> FilterContext:
    return graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )


def _ready(sink: FilterContext) -> Iterator[VideoFrame]:
    # Neither an end nor a lack of frames is a failure: the sink has no more for now.
    ready: list[VideoFrame] = []
    with suppress(BlockingIOError, EOFError):
        while True:
            frame = sink.pull()
            assert isinstance(frame, VideoFrame)
            ready.append(frame)
    yield from ready
