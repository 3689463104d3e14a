"""The clock of a take: three segments, their overlap, the audio grid and the hold-back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from attrs import frozen

from docs.drawings.paper import BLUE, GREEN, GREY, INK, ORANGE, PALE, Sheet
from docs.drawings.take import Take
from longtake_ltx2.clock import LATENTS_PER_SECOND, SegmentClock, samples_of

__all__ = ["Lanes", "draw_clock", "lanes_of"]

_LEFT, _RIGHT, _SCALE = 116.0, 20.0, 236.0
_TOP, _SEGMENT, _LANE, _BAR = 54.0, 98.0, 22.0, 15.0


@frozen
class Lanes:
    """One segment, in seconds of the take.

    ``repeated``, ``new``: where its frames start, each. ``context``, ``own``: where its audio
    latents start, each. ``sound``: from where to where its sound is handed out. ``decoded``: up to
    where its latents decode. ``offset``: from its first latent to its first frame.
    """

    repeated: tuple[float, ...]
    new: tuple[float, ...]
    context: tuple[float, ...]
    own: tuple[float, ...]
    sound: tuple[float, float]
    decoded: float
    offset: float


def lanes_of(take: Take) -> tuple[Lanes, ...]:
    """The segments of ``take``, as the clock of its family places them."""
    return tuple(
        _lanes(segment, clock.samples or 0, take.sample_rate)
        for segment, clock in zip(take.segments, take.clocks, strict=True)
    )


def _lanes(segment: SegmentClock, samples_after: int, sample_rate: int) -> Lanes:
    frames = [_frame(segment, index) for index in range(segment.num_frames)]
    latents = [n / LATENTS_PER_SECOND for n in range(segment.first_latent, segment.end_latent)]
    return Lanes(
        repeated=tuple(frames[: segment.repeated_frames]),
        new=tuple(frames[segment.repeated_frames :]),
        context=tuple(latents[: segment.context_latents]),
        own=tuple(latents[segment.context_latents :]),
        sound=((segment.samples_before or 0) / sample_rate, samples_after / sample_rate),
        decoded=samples_of(segment.end_latent, sample_rate) / sample_rate,
        offset=float(segment.position_offset),
    )


def _frame(segment: SegmentClock, index: int) -> float:
    return float(Fraction(segment.first_frame + index) / segment.fps)


def draw_clock(take: Take, path: Path) -> None:
    """Seconds from left to right, a block of three lanes for each segment, the take at the end."""
    lanes = lanes_of(take)
    seconds = float(take.clocks[-1].frames / take.clocks[-1].fps)
    bottom = _TOP + _SEGMENT * len(lanes)
    sheet = Sheet(_LEFT + _SCALE * seconds + _RIGHT, bottom + 116)
    _draw_axis(sheet, seconds, bottom + 56)
    period = float(1 / take.clocks[0].fps)
    for index, segment in enumerate(lanes):
        _draw_segment(sheet, _TOP + _SEGMENT * index, index, segment, period)
    _draw_take(sheet, bottom + 6, lanes, take, seconds)
    _draw_key(sheet, bottom + 78, lanes[0].decoded - lanes[0].sound[1])
    sheet.save(path)


def _x(second: float) -> float:
    return _LEFT + _SCALE * second


def _draw_axis(sheet: Sheet, seconds: float, bottom: float) -> None:
    sheet.text(14, 22, "seconds of the take", size=8.5, colour=GREY)
    for half in range(int(seconds * 2) + 1):
        x = _x(half / 2)
        sheet.text(x, 22, f"{half / 2:g}", size=8.5, colour=GREY, align="center")
        sheet.line([x, x], [32, bottom], colour=PALE, behind=True)


def _draw_segment(sheet: Sheet, top: float, index: int, segment: Lanes, period: float) -> None:
    sheet.text(14, top - 9, f"segment {index + 1}", size=9.5, bold=True)
    names = ("frames", "audio latents", "sound handed out")
    for lane, name in enumerate(names):
        sheet.text(14, top + _LANE * lane + _BAR / 2 + 2, name, size=8, colour=GREY)
    _draw_cells(sheet, top + 2, segment.repeated, period, fill="#dbe7f3", edge=BLUE)
    _draw_cells(sheet, top + 2, segment.new, period, fill=BLUE)
    grid, latents = 1 / LATENTS_PER_SECOND, top + 2 + _LANE
    _draw_cells(sheet, latents, segment.context, grid, fill="#fbe9dc", edge=ORANGE)
    _draw_cells(sheet, latents, segment.own, grid, fill=ORANGE)
    sound = latents + _LANE
    start, stop = segment.sound
    sheet.bar(_x(start), sound, _x(stop), sound + _BAR, fill=GREEN)
    held = _x(segment.decoded)
    sheet.bar(_x(stop), sound, held, sound + _BAR, fill="white", edge=GREEN, hatch="////")
    if segment.offset:
        _draw_offset(sheet, top - 9, segment)


def _draw_offset(sheet: Sheet, y: float, segment: Lanes) -> None:
    """From the grid point at which the segment's sound starts to its first frame."""
    first = (segment.context or segment.own)[0]
    start, stop = _x(first), _x(first + segment.offset)
    sheet.line([start, start], [y - 4, y + 4], colour=INK)
    sheet.line([start, stop], [y, y], colour=INK, arrow=True)
    text = f"video_position_offset_sec = {segment.offset:.3f}"
    sheet.text(stop + 6, y, text, size=8)


def _draw_cells(
    sheet: Sheet, top: float, starts: tuple[float, ...], period: float, *, fill: str, edge: str = ""
) -> None:
    for start in starts:
        left, right = _x(start), _x(start + period)
        sheet.bar(left, top, right, top + _BAR, fill=fill, edge=edge or "white", width=0.5)


def _draw_take(
    sheet: Sheet, top: float, lanes: tuple[Lanes, ...], take: Take, seconds: float
) -> None:
    sheet.text(14, top - 9, "the take", size=9.5, bold=True)
    sheet.text(14, top + _BAR / 2 + 2, "frames", size=8, colour=GREY)
    sheet.text(14, top + _LANE + _BAR / 2 + 2, "sound", size=8, colour=GREY)
    sound = top + 2 + _LANE
    for number, segment in enumerate(lanes, 1):
        left, right = _x(segment.new[0]), _x(segment.new[-1] + float(1 / take.clocks[0].fps))
        sheet.bar(left, top + 2, right, top + 2 + _BAR, fill=BLUE, edge="white")
        sheet.text((left + right) / 2, top + 10, str(number), colour="white", align="center")
        left, right = map(_x, segment.sound)
        sheet.bar(left, sound, right, sound + _BAR, fill=GREEN, edge="white")
        sheet.text((left + right) / 2, sound + 8, str(number), colour="white", align="center")
    end = take.end_samples / take.sample_rate
    sheet.bar(_x(lanes[-1].sound[1]), sound, _x(end), sound + _BAR, fill=INK, edge="white")
    middle = (_x(lanes[-1].sound[1]) + _x(end)) / 2
    sheet.text(middle, sound + 8, "finish", size=8, colour="white", align="center")


def _draw_key(sheet: Sheet, y: float, hold_back: float) -> None:
    boxes = (
        (14, "#dbe7f3", BLUE, "", "repeated frames"),
        (124, "#fbe9dc", ORANGE, "", "clean latents from before"),
        (280, "white", GREEN, "////", f"held back: {1000 * hold_back:.0f} ms"),
    )
    for x, fill, edge, hatch, text in boxes:
        sheet.bar(x, y, x + 16, y + 10, fill=fill, edge=edge, hatch=hatch)
        sheet.text(x + 22, y + 5, text, size=8)
    text = "Every latent cell is 40 ms, on one grid that starts with the take."
    sheet.text(14, y + 21, text, size=8, colour=GREY)
