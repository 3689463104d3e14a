"""The contact sheet shows each segment's frames, the sound under them, and the seams."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL.Image import Image

from longtake.errors import MissingDependencyError, ValidationError
from longtake.media.contact_sheet import SegmentView, contact_sheet

RATE = 8_000


def solid(colour: tuple[int, int, int], height: int = 30, width: int = 40) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def views(count: int) -> list[SegmentView]:
    return [
        SegmentView(solid((250, n, 1)), solid((1, n, 250)), f"segment {n + 1}", 0.5)
        for n in range(count)
    ]


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros((2, round(seconds * RATE)), np.float32)


def scaled(sound: NDArray[np.float32], peak: float) -> NDArray[np.float32]:
    return (sound * peak).astype(np.float32)


def area(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((pixels == np.array(colour, np.uint8)).all(axis=-1).sum())


@pytest.mark.parametrize("count", [1, 3, 6, 7, 12])
def test_every_first_and_last_frame_is_shown_whole(count: int) -> None:
    sheet = contact_sheet(views(count), audio=silence(count / 2), sample_rate=RATE, thumb_width=80)
    pixels = np.asarray(sheet)

    for n in range(count):
        assert area(pixels, (250, n, 1)) == 80 * 60
        assert area(pixels, (1, n, 250)) == 80 * 60


def test_more_segments_take_more_rows() -> None:
    one, two = (
        contact_sheet(views(n), audio=silence(n / 2), sample_rate=RATE).size for n in (6, 12)
    )
    assert two[0] == one[0]
    assert two[1] > one[1] + 2 * 240


def test_frames_keep_their_shape() -> None:
    tall = SegmentView(solid((250, 0, 1), 80, 40), solid((1, 0, 250), 80, 40), "tall", 1.0)
    sheet = contact_sheet([tall], audio=silence(1), sample_rate=RATE, thumb_width=80)
    assert area(np.asarray(sheet), (250, 0, 1)) == 80 * 160


def drawn(sheet: Image) -> NDArray[np.int_]:
    return np.asarray(sheet, int)


def changed(one: NDArray[np.int_], other: NDArray[np.int_]) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_] = np.abs(one - other).sum(axis=-1) > 0
    return differs


AXIS, SPECTRUM, WAVE, BAND = 44, 168, 84, 30
"""From the bottom of a sheet upwards: heights of the axis, the spectrum, the wave, the labels."""


def test_waveform_shows_where_it_is_loud() -> None:
    audio = silence(1)
    audio[:, RATE // 2 :] = np.where(np.arange(RATE // 2) % 2, 0.9, -0.9)
    quiet = drawn(contact_sheet(views(2), audio=silence(1), sample_rate=RATE))
    loud = drawn(contact_sheet(views(2), audio=audio, sample_rate=RATE))

    wave = slice(-AXIS - SPECTRUM - WAVE + 20, -AXIS - SPECTRUM - 1)  # under the level in words
    columns = np.flatnonzero(changed(quiet, loud)[wave].any(axis=0))
    middle = quiet.shape[1] / 2
    assert columns.min() == pytest.approx(middle, abs=4)
    assert len(columns) > 0.4 * quiet.shape[1]


def test_a_waveform_is_as_high_as_its_loudest_sample() -> None:
    tone = np.sin(np.arange(RATE) / 5).astype(np.float32)[None]
    loud, soft = (
        drawn(contact_sheet(views(2), audio=scaled(tone, peak), sample_rate=RATE))
        for peak in (1, 0.125)
    )
    words = np.s_[-AXIS - SPECTRUM - WAVE :, -160:]  # the level, which differs
    difference = changed(loud, soft)
    difference[words] = False
    assert not difference.any()


@pytest.mark.parametrize("audio", [None, silence(1.0)])
def test_a_seam_is_drawn_between_two_segments(audio: NDArray[np.float32] | None) -> None:
    whole = [SegmentView(None, None, "", 1.0)]
    halves = [SegmentView(None, None, "", 0.5) for _ in range(2)]
    rate = None if audio is None else RATE
    one, two = (
        drawn(contact_sheet(given, audio=audio, sample_rate=rate)) for given in (whole, halves)
    )
    assert one.shape == two.shape
    panels = slice(-AXIS - (20 if audio is None else SPECTRUM + WAVE), -AXIS)
    through = np.flatnonzero(changed(one, two)[panels].all(axis=0))
    assert through == pytest.approx([two.shape[1] / 2], abs=1)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_at_a_seam_the_frames_before_and_after_it_touch(count: int) -> None:
    sheet = contact_sheet(views(count), audio=None, sample_rate=None, thumb_width=80)
    pixels = np.asarray(sheet)
    for n in range(count - 1):
        before = (pixels == np.array((1, n, 250), np.uint8)).all(axis=-1)
        after = (pixels == np.array((250, n + 1, 1), np.uint8)).all(axis=-1)
        assert (
            np.flatnonzero(before.any(axis=0)).max() + 1 == np.flatnonzero(after.any(axis=0)).min()
        )
        assert (before.any(axis=1) == after.any(axis=1)).all()


def test_the_label_of_a_segment_is_cut_where_the_next_begins() -> None:
    def sheet(label: str) -> NDArray[np.int_]:
        segments = [SegmentView(None, None, label, 0.5), SegmentView(None, None, "", 0.5)]
        return drawn(contact_sheet(segments, audio=None, sample_rate=None))

    short, long = sheet("word"), sheet("word " * 99)
    columns = np.flatnonzero(changed(short, long).any(axis=0))
    assert 0 < columns[0] < columns[-1] < short.shape[1] / 2


@pytest.mark.parametrize("size", [(1, 300), (300, 1), (16, 16), (1080, 608), (2, 2)])
@pytest.mark.parametrize("count", [1, 3, 8, 12])
def test_any_frame_fits(size: tuple[int, int], count: int) -> None:
    frame = np.full((*size, 3), (250, 0, 1), np.uint8)
    segments = [SegmentView(frame, frame, "a", 0.5) for _ in range(count)]
    sheet = contact_sheet(segments, audio=None, sample_rate=None, thumb_width=60)
    assert sheet.width < 800 and sheet.height < 4 * 170 + 140
    high, wide = size
    height = min(120, max(1, round(60 * high / wide)))
    width = 60 if height < 120 else max(1, round(120 * wide / high))
    assert area(np.asarray(sheet), (250, 0, 1)) == 2 * count * height * width


@pytest.mark.parametrize("samples", [0, 1, 5])
def test_any_sound_is_drawn(samples: int) -> None:
    audio = np.ones((1, samples), np.float32)
    for given in (views(1), [SegmentView(None, None, "sound alone", 0.5)]):
        assert contact_sheet(given, audio=audio, sample_rate=RATE).height > SPECTRUM + WAVE + AXIS


def test_no_segment_is_refused() -> None:
    with pytest.raises(ValidationError, match="segments"):
        contact_sheet([], audio=silence(1), sample_rate=RATE)


def test_missing_pillow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependencyError, match=r"contact sheet.*pillow"):
        contact_sheet(views(1), audio=silence(1), sample_rate=RATE)
