"""The contact sheet shows each segment's frames, the sound under them, and the seams."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray

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


def area(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((pixels == np.array(colour, np.uint8)).all(axis=-1).sum())


@pytest.mark.parametrize("count", [1, 3, 6, 7, 12])
def test_every_first_and_last_frame_is_shown_whole(count: int) -> None:
    sheet = contact_sheet(views(count), audio=silence(count / 2), sample_rate=RATE, thumb_width=80)
    pixels = np.asarray(sheet)

    for n in range(count):
        assert area(pixels, (250, n, 1)) == 80 * 60
        assert area(pixels, (1, n, 250)) == 80 * 60


def test_more_than_six_segments_take_a_second_row() -> None:
    one, two = (
        contact_sheet(views(n), audio=silence(n / 2), sample_rate=RATE).size for n in (6, 12)
    )
    assert two[0] == one[0]
    assert two[1] > one[1] + 2 * 240


def test_frames_keep_their_shape() -> None:
    tall = SegmentView(solid((250, 0, 1), 80, 40), solid((1, 0, 250), 80, 40), "tall", 1.0)
    sheet = contact_sheet([tall], audio=silence(1), sample_rate=RATE, thumb_width=80)
    assert area(np.asarray(sheet), (250, 0, 1)) == 80 * 160


def test_waveform_shows_where_it_is_loud() -> None:
    audio = silence(1)
    audio[:, RATE // 2 :] = np.where(np.arange(RATE // 2) % 2, 0.9, -0.9)
    quiet = np.asarray(contact_sheet(views(2), audio=silence(1), sample_rate=RATE), int)
    loud = np.asarray(contact_sheet(views(2), audio=audio, sample_rate=RATE), int)

    changed = np.abs(quiet - loud).sum(axis=-1) > 0
    columns = np.flatnonzero(changed.any(axis=0))
    middle = quiet.shape[1] / 2
    assert columns.min() == pytest.approx(middle, abs=4)
    assert len(columns) > 0.4 * quiet.shape[1]


def test_a_seam_is_drawn_between_two_segments() -> None:
    first, second = views(2)
    joined = SegmentView(first.first, first.last, first.label, 1.0)
    one = np.asarray(contact_sheet([joined], audio=None, sample_rate=None, thumb_width=200), int)
    two = contact_sheet([first, second], audio=None, sample_rate=None, thumb_width=200)

    pixels = np.asarray(two, int)
    assert one.shape == pixels.shape
    bottom = slice(-150, -60)
    changed = np.abs(one - pixels).sum(axis=-1)[bottom] > 0
    assert np.flatnonzero(changed.all(axis=0)) == pytest.approx([pixels.shape[1] / 2], abs=1)


def test_label_longer_than_its_column_is_cut() -> None:
    short, long = (
        SegmentView(solid((9, 9, 9)), solid((9, 9, 9)), "word " * words, 1.0) for words in (1, 99)
    )
    sheets = [contact_sheet([view], audio=None, sample_rate=None) for view in (short, long)]
    changed = np.abs(np.subtract(*(np.asarray(sheet, int) for sheet in sheets))).sum(axis=-1) > 0
    columns = np.flatnonzero(changed.any(axis=0))
    assert 0 < columns[-1] - columns[0] < 320


def test_no_segment_is_refused() -> None:
    with pytest.raises(ValidationError, match="segments"):
        contact_sheet([], audio=silence(1), sample_rate=RATE)


def test_missing_pillow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependencyError, match=r"contact sheet.*pillow"):
        contact_sheet(views(1), audio=silence(1), sample_rate=RATE)
