"""Laplacian pyramids: what is shown of two pictures, against the pyramids of both, plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from longtake_ltx2.stages.pyramids import blended, halvings

SIZES = [(64, 96), (33, 70), (128, 128), (16, 17), (8, 8), (5, 9)]


def pictures(height: int, width: int) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(height)
    both = random.integers(0, 256, (2, 2, 3, height, width))
    return both[0], both[1], random.random((2, 1, height, width))


def result(kept: Any, made: Any, mask: Any) -> Any:
    given = [torch.tensor(np.asarray(each, np.float32)) for each in (kept, made, mask)]
    return blended(*given).numpy()


def smaller(length: int) -> Any:
    """A row of the matrix has 1 4 6 4 1 around each other place; edges count again."""
    matrix = np.zeros(((length + 1) // 2, length))
    for row in range(len(matrix)):
        for tap, weight in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True):
            matrix[row, np.clip(2 * row + tap, 0, length - 1)] += weight / 16
    return matrix


def larger(length: int) -> Any:
    """The same weights, on rows between which there are zeros, twice as heavy."""
    count = (length + 1) // 2
    matrix = np.zeros((length, count))
    for row in range(length):
        for place in range(-1, count + 1):
            tap = 2 * place - row
            if abs(tap) <= 2:
                matrix[row, np.clip(place, 0, count - 1)] += (6, 4, 1)[abs(tap)] / 8
    return matrix


def both_ways(matrix: Any, picture: Any) -> Any:
    rows, columns = (matrix(side) for side in picture.shape[2:])
    return rows @ picture @ columns.T


def enlarged(picture: Any, size: tuple[int, int]) -> Any:
    return larger(size[0]) @ picture @ larger(size[1]).T


def bands(picture: Any, count: int) -> list[Any]:
    found = []
    for _ in range(count):
        half = both_ways(smaller, picture)
        found.append(picture - enlarged(half, picture.shape[2:]))
        picture = half
    return [*found, picture]


def by_both_pyramids(kept: Any, made: Any, mask: Any, count: int) -> Any:
    masks = [mask]
    for _ in range(count):
        masks.append(both_ways(smaller, masks[-1]))
    pairs = zip(bands(kept, count), bands(made, count), masks, strict=True)
    mixed = [a * (1 - share) + b * share for a, b, share in pairs]
    whole = mixed.pop()
    while mixed:
        band = mixed.pop()
        whole = enlarged(whole, band.shape[2:]) + band
    return whole


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (1024, 1536, 6),
        (1088, 1920, 6),
        (512, 768, 6),
        (256, 512, 5),
        (64, 96, 3),
        (15, 90, 1),
        (14, 90, 0),
    ],
)
def test_there_are_six_levels_unless_a_picture_is_small(
    height: int, width: int, expected: int
) -> None:
    assert halvings(height, width) == expected


@pytest.mark.parametrize("size", SIZES)
def test_the_bands_of_both_are_mixed_by_the_masks_own(size: tuple[int, int]) -> None:
    kept, made, mask = pictures(*size)
    expected = by_both_pyramids(kept, made, mask, halvings(*size))
    assert np.abs(result(kept, made, mask) - expected).max() < 1e-3


@pytest.mark.parametrize("size", SIZES)
def test_all_or_nothing_is_one_of_the_two(size: tuple[int, int]) -> None:
    kept, made, mask = pictures(*size)
    assert np.array_equal(result(kept, made, 0 * mask), kept)
    assert np.array_equal(result(kept, made, 0 * mask + 1).round(), made)


@pytest.mark.parametrize("size", SIZES)
def test_what_one_loses_the_other_gains(size: tuple[int, int]) -> None:
    """A partition of unity: with the mask and with its complement both are there once."""
    kept, made, mask = pictures(*size)
    total = result(kept, made, mask) + result(kept, made, 1 - mask)
    assert np.abs(total - (kept + made)).max() < 1e-3


def test_far_from_the_mask_the_picture_is_kept_to_the_bit_and_within_it_is_made() -> None:
    kept, made, _ = pictures(64, 512)
    mask = np.zeros((1, 1, 64, 512))
    mask[..., 256:] = 1
    found = result(kept, made, mask)
    assert np.array_equal(found[..., :200], kept[..., :200])
    assert np.abs(found[..., 320:] - made[..., 320:]).max() < 1e-3
    seam = np.abs(found - np.where(mask, made, kept))[..., 200:320]
    assert seam.max() > 1


def test_a_step_is_wide_where_it_is_coarse() -> None:
    """Two flat pictures: no jump of the step's own height, but a ramp that never turns back."""
    kept, made = np.zeros((1, 1, 64, 256)), np.full((1, 1, 64, 256), 200.0)
    mask = np.zeros((1, 1, 64, 256))
    mask[..., 128:] = 1
    row = result(kept, made, mask)[0, 0, 32]
    assert (np.diff(row) > -1e-3).all()
    assert np.diff(row).max() < 30
