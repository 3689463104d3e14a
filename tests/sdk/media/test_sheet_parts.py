"""The parts of a contact sheet: boxes, cut texts, axes that are not crowded."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from longtake.media.sheet_parts import Box, draw_axis, draw_wave, text

BOX = Box(10, 20, 310, 120)


def drawn_on(size: tuple[int, int] = (330, 160)) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    sheet = Image.new("RGB", size, "white")
    return sheet, ImageDraw.Draw(sheet)


def dark(sheet: Image.Image) -> NDArray[np.bool_]:
    inked: NDArray[np.bool_] = np.asarray(sheet, int).sum(axis=-1) < 500
    return inked


def test_a_box_knows_its_size_and_columns() -> None:
    assert (BOX.width, BOX.height) == (300, 100)
    assert (BOX.at(0), BOX.at(0.5), BOX.at(1)) == (10, 160, 310)
    assert BOX.inclusive == (10, 20, 309, 119)


@pytest.mark.parametrize("width", [0, 5, 40, 200])
@pytest.mark.parametrize("words", ["", "word", "word " * 50, "a \N{EM DASH} b", "\N{SNOWMAN}" * 40])
def test_a_text_is_never_wider_than_it_may_be(width: int, words: str) -> None:
    sheet, draw = drawn_on()
    text(draw, (10, 50), words, "black", width)
    columns = np.flatnonzero(dark(sheet).any(axis=0))
    assert not len(columns) or columns.max() - columns.min() <= width + 1


@pytest.mark.parametrize("seconds", [0.001, 0.04, 1.0, 6.3, 59.0, 3600.0, 1e6])
def test_ticks_of_an_axis_are_few_and_within_the_panel(seconds: float) -> None:
    sheet, draw = drawn_on()
    draw_axis(draw, BOX, seconds)
    ticks = np.flatnonzero((np.asarray(sheet, int).sum(axis=-1) < 700)[BOX.bottom + 2])
    assert 2 <= len(ticks) <= 1 + BOX.width // 50
    assert ticks.min() == BOX.left and ticks.max() < BOX.right


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_wave_fills_its_share_of_the_panel(share: float) -> None:
    sheet, draw = drawn_on()
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, (2, 4000)).astype(np.float32)
    draw_wave(draw, BOX, noise, share)
    inked = dark(sheet)
    columns = np.flatnonzero(inked[40:, : BOX.right - 80].sum(axis=0) > 20)
    assert columns.min() == BOX.left
    assert columns.max() == min(BOX.at(share), BOX.right - 80) - 1
    rows = np.flatnonzero(inked[:, : BOX.right - 80].any(axis=1))
    assert rows.min() == pytest.approx(BOX.top + 6, abs=2)
