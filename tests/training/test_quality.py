"""The script that judges takes is right about pictures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from training.learned_tiny.pictures import FPS, draw
from training.learned_tiny.scenes import COLOURS, SHAPES, Scene, Thing
from training.quality.__main__ import of_true_pictures, shown
from training.quality.measuring import measure
from training.quality.takes import Told, held_out, seams

LEFT = Thing((16.0, 20.0), (0.0, 1.0), ((0.0, 24.0),))


def scene(shape: str, colour: str, *things: Thing) -> Scene:
    return Scene(shape, "at dusk", 0.0, ((0.0, colour),), things)


def test_it_is_right_about_scenes_at_random() -> None:
    right = of_true_pictures(40, 0)
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
