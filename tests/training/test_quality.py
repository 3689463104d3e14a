"""The script that judges takes is right about pictures whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.learned_tiny.pictures import FPS, draw
from training.learned_tiny.scenes import COLOURS, SHAPES, Scene, Thing
from training.learned_tiny.sounds import RATE, render
from training.quality.drift import Stretch, drift_of
from training.quality.hearing import belongs, bends, heights
from training.quality.judging import judged, rates
from training.quality.measuring import measure
from training.quality.pages import write_page
from training.quality.seams import medians, seams
from training.quality.sheets import sheet
from training.quality.takes import Told, held_out
from training.quality.truth import shown, true_takes

LEFT = Thing((16.0, 20.0), (0.0, 1.0), ((0.0, 24.0),))


def scene(shape: str, colour: str, *things: Thing) -> Scene:
    return Scene(shape, "at dusk", 0.0, ((0.0, colour),), things)


def test_it_is_right_about_scenes_at_random() -> None:
    takes = true_takes(40, 1, 0)
    right = rates([judged(each.told, measure(np.concatenate(each.parts))) for each in takes])
    assert right["colour"] == 1.0
    assert min(right.values()) >= 0.9


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colour", COLOURS)
def test_it_tells_each_shape_and_colour(shape: str, colour: str) -> None:
    pictures, _ = draw(scene(shape, colour, LEFT, LEFT.mirrored(0.0)), 0, 12)
    seen = measure(shown(pictures))
    assert (seen.count, seen.colour, seen.shape) == (2, colour, shape)
    assert seen.speed == pytest.approx(24, abs=2)
    assert seen.there == 1.0


def test_a_tone_is_told_from_another_things() -> None:
    falling, rising = LEFT, LEFT.mirrored(0.0)
    pictures = shown(draw(scene("circle", "red", falling), 0, 30)[0])
    own, other = (
        render(scene("circle", "red", each), 0.0, 30 / FPS, RATE) for each in (falling, rising)
    )
    assert np.median(belongs(heights(pictures), own, RATE)) < 0.1
    assert np.median(belongs(heights(pictures), other, RATE)) > 2
    assert len(belongs(heights(pictures), np.zeros_like(own), RATE)) == 0


def test_a_bend_at_a_seam_is_heard() -> None:
    still = Thing((16.0, 20.0), (0.0, 1.0), ((0.0, 0.0),))
    low = Thing((16.0, 50.0), (0.0, 1.0), ((0.0, 0.0),))
    one, other = (render(scene("circle", "red", each), 0.0, 0.5, RATE) for each in (still, low))
    inside, at = bends(np.concatenate([one, other]), RATE, [0.5])
    assert inside.max() < 0.1
    assert at.shape == (1,) and at[0] > 5


def test_what_gets_lost_on_the_way_is_counted() -> None:
    told = Told.of("two red circles")
    whole = Stretch(2, "red", "circle", (0.9, 0.1, 0.1), 0.02, -20.0)
    gone = Stretch(1, "red", "circle", (0.5, 0.5, 0.1), 0.01, -26.0)
    steady, losing = drift_of(told, [whole] * 20), drift_of(told, [whole] * 10 + [gone] * 10)
    assert (steady["kept"], steady["colour drift"], steady["loudness drift"]) == (True, 0.0, 0.0)
    assert (losing["kept"], losing["never empty"], losing["as told"]) == (False, True, 0.5)
    assert losing["colour drift"] == pytest.approx(0.8 / 3, abs=1e-3)
    assert (losing["loudness drift"], losing["sharpness"]) == (-6.0, 0.5)


def test_the_page_shows_the_parts_that_were_measured(tmp_path: Path) -> None:
    take = drift_of(Told.of("a red circle"), [Stretch(1, "red", "circle", None, 0.02, -20.0)] * 12)
    (tmp_path / "drift.json").write_text(json.dumps({"takes": [take]}))
    write_page(tmp_path)
    text = (tmp_path / "figures.md").read_text()
    assert "1 takes of 12 segments" in text and "| a red circle | 100 % |" in text
    assert "What is shown" not in text
    assert (tmp_path / "drift.svg").stat().st_size > 1000


def test_a_sheet_has_a_row_for_each_take() -> None:
    pictures = shown(draw(scene("circle", "red", LEFT), 0, 12)[0])
    found = np.asarray(sheet([("a red circle", pictures)] * 2))
    assert found.shape[0] == 2 * 64
    assert (found[:64] == found[64:]).all()


def test_nothing_is_seen_where_nothing_is() -> None:
    seen = measure(np.full((5, 64, 64, 3), 0.2, np.float32))
    assert (seen.count, seen.colour, seen.there) == (0, "", 0.0)


def test_a_jump_at_a_seam_is_measured() -> None:
    moving = scene("circle", "red", LEFT)
    parts = [shown(draw(moving, first, 12)[0]) for first in (0, 12)]
    jumped = [parts[0], shown(draw(moving, 12 + FPS // 2, 12)[0])]
    smooth, rough = seams(parts), seams(jumped)
    assert smooth.jerk[1] < 0.5 < rough.jerk[1]
    assert rough.psnr[1] < smooth.psnr[1]
    assert smooth.colour == pytest.approx(rough.colour, abs=0.02)
    assert medians([smooth, rough, smooth])["psnr"] == pytest.approx(smooth.psnr, abs=1e-3)


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("two slow blue squares at night", (2, "blue", "square", "slow")),
        ("one yellow triangle moving slowly", (1, "yellow", "triangle", "slow")),
        ("a red circle", (1, "red", "circle", "")),
    ],
)
def test_a_prompt_tells(prompt: str, told: tuple[int, str, str, str]) -> None:
    found = Told.of(prompt)
    assert (found.count, found.colour, found.shape, found.speed) == told


def test_what_is_judged_was_not_learned() -> None:
    assert len({each.prompt for each in held_out(20, 0)}) == 20
    assert all(each.speed for each in held_out(20, 0))
