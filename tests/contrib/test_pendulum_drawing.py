"""The picture moves as smoothly as the pendulums do, at any size."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from longtake_pendulum.canvas import Canvas, Shape, disc, segment, spring
from longtake_pendulum.drawing import Layout, Painter, colours_of, layout_for
from longtake_pendulum.palettes import PALETTES
from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import initial_swing, lengths, modes

PARAMETERS = Parameters()
WHITE = np.full(3, 255, np.float32)


def layout(height: int, width: int, parameters: Parameters = PARAMETERS) -> Layout:
    return layout_for(height, width, lengths(parameters))


def drawn(shape: Shape, size: int = 64) -> NDArray[np.float32]:
    """``shape`` in white on black, as shares of white."""
    canvas = Canvas(np.zeros((3, size, size), np.float32))
    canvas.draw(shape, WHITE)
    shares: NDArray[np.float32] = canvas.pixels[0] / 255
    return shares


@pytest.mark.parametrize("radius", [3.0, 8.25, 20.0])
@pytest.mark.parametrize("offset", [0.0, 0.1, 0.37, 0.5])
def test_a_disc_is_where_it_is_to_a_hundredth_of_a_pixel(radius: float, offset: float) -> None:
    image = drawn(disc((32 + offset, 32 - offset), radius))
    centres = np.arange(64) + 0.5
    assert (image.sum(axis=0) @ centres) / image.sum() == pytest.approx(32 + offset, abs=0.01)
    assert (image.sum(axis=1) @ centres) / image.sum() == pytest.approx(32 - offset, abs=0.01)
    assert image.sum() == pytest.approx(np.pi * radius**2, rel=0.01)


@pytest.mark.parametrize("radius", [0.05, 0.3, 0.5, 2.0])
def test_a_line_is_as_bright_as_it_is_wide(radius: float) -> None:
    image = drawn(segment((5.3, 31.8), (58.3, 31.8), radius))
    assert image[:, 20:40].sum(axis=0) == pytest.approx(2 * radius, rel=0.03)


def test_a_spring_reaches_from_end_to_end() -> None:
    image = drawn(spring((10, 32), (54, 32), 0.8, coils=6, height=5.0))
    columns, rows = np.nonzero(image.max(axis=0))[0], np.nonzero(image.max(axis=1))[0]
    assert 8 <= columns.min() <= 10 and 53 <= columns.max() <= 55
    assert 25 <= rows.min() <= 27 and 37 <= rows.max() <= 39


def test_what_is_outside_is_not_drawn() -> None:
    assert not drawn(disc((500, 32), 10)).any()
    assert not drawn(segment((-40, -40), (-20, 400), 2)).any()
    assert drawn(disc((-4, 32), 10)).any()


def test_a_tenth_of_a_pixel_changes_the_picture_by_little() -> None:
    at = layout(144, 256)
    painter, colours = Painter(at), colours_of("dawn")
    step = 0.1 / at.rods[0]
    angles = np.linspace(-0.2, 0.2, PARAMETERS.num_pendulums)
    frames = [painter.frame(angles + index * step, colours).astype(int) for index in range(40)]
    changes = [np.abs(after - before) for before, after in pairwise(frames)]
    assert max(change.max() for change in changes) <= 45
    # No step jumps: each changes the picture about as much as any other.
    sums = [change.sum() for change in changes]
    assert min(sums) > 0
    assert max(sums) < 1.5 * min(sums)


def test_the_same_angles_are_the_same_picture() -> None:
    angles = np.zeros(5)
    one, other = Painter(layout(72, 128)), Painter(layout(72, 128))
    other.frame(angles + 0.1, colours_of("sea"))
    assert np.array_equal(
        one.frame(angles, colours_of("dusk")), other.frame(angles, colours_of("dusk"))
    )


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3), (16, 16), (17, 33), (1, 300), (300, 1), (8, 600), (333, 71)]
)
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_any_size_and_number_is_drawn(size: tuple[int, int], count: int) -> None:
    parameters = Parameters(num_pendulums=count)
    frame = Painter(layout(*size, parameters)).frame(np.full(count, 0.2), colours_of("sea"))
    assert frame.shape == (*size, 3)
    assert frame.dtype == np.uint8
    assert frame.flags.c_contiguous


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_all_of_it_is_within_the_picture(count: int) -> None:
    at = layout(288, 512, Parameters(num_pendulums=count))
    reach = at.rods * np.sin(0.3) + at.bob
    assert (at.pivots - reach > 0).all() and (at.pivots + reach < 512).all()
    assert at.pivot_y > 10 and at.pivot_y + at.rods.max() + at.bob < 288


def test_bobs_never_touch_in_a_take_as_it_comes() -> None:
    at, own = layout(288, 512), modes(PARAMETERS)
    for seed in range(20):
        start = initial_swing(PARAMETERS, random.Random(f"{seed}:swing"))
        angles = own.angles_after(start, np.linspace(0, 120, 3000))
        x, y = at.pivots + at.rods * np.sin(angles), at.rods * np.cos(angles)
        assert np.hypot(np.diff(x), np.diff(y)).min() > 2 * at.bob


@pytest.mark.parametrize("name", PALETTES)
def test_every_palette_has_lit_bobs_on_a_calm_wall(name: str) -> None:
    at = layout(144, 256)
    frame = Painter(at).frame(np.zeros(5), colours_of(name)).astype(int)
    row, column = round(at.pivot_y + at.rods[0]), round(at.pivots[0])
    radius = round(at.bob * 0.5)
    lit, dark = frame[row - radius, column - radius], frame[row + radius, column + radius]
    assert lit.sum() > dark.sum() + 60
    wall = frame[-8:]
    assert np.abs(np.diff(wall, axis=1)).max() <= 3
