"""Contact sheets of several takes as one picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import longtake as lt
from longtake.media.stacked_sheets import stack_sheets


def test_the_sheets_stand_below_each_other_under_their_names() -> None:
    sheets = [
        ("take", "2 segments", Image.new("RGB", (640, 100), "#ff0000")),
        ("rain", "", Image.new("RGB", (800, 50), "#00ff00")),
    ]
    pixels = np.asarray(stack_sheets(sheets))
    assert pixels.shape[1] == 800
    red = np.argwhere((pixels == (255, 0, 0)).all(axis=2))
    green = np.argwhere((pixels == (0, 255, 0)).all(axis=2))
    assert (len(red), len(green)) == (640 * 100, 800 * 50)
    assert red[:, 0].max() < green[:, 0].min()
    above, between = pixels[: red[0][0]], pixels[red[-1][0] + 1 : green[0][0]]
    assert above.min() < 100 and between.min() < 100  # something is written there
    assert above[:, 500:].min() < 150  # the note, on the right
    assert len(np.unique(between[5:, 500:])) <= 3  # no note: the background alone


def test_there_is_at_least_one() -> None:
    with pytest.raises(lt.ValidationError, match="^sheets: there are none"):
        stack_sheets([])
