"""Takes of held-out prompts as a checkpoint rolls them, and how their seams are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

import longtake as lt
from training.learned_tiny.stories import grammar, is_held_out
from training.quality.measuring import spots

__all__ = ["Seams", "Told", "held_out", "roll", "seams"]

Floats: TypeAlias = NDArray[np.float64]


@frozen
class Told:
    """What a prompt says. ``speed``: empty where it says none."""

    prompt: str
    count: int
    colour: str
    shape: str
    speed: str

    @classmethod
    def of(cls, prompt: str) -> Told:
        """Of a first prompt of the grammar."""
        from training.learned_tiny.scenes import COLOURS, SHAPES

        words = prompt.replace(",", "").replace("slowly", "slow").split()
        count = 2 if "two" in words else 1
        shapes = [shape for shape in SHAPES for word in words if word.removesuffix("s") == shape]
        (colour,) = (each for each in COLOURS if each in words)
        speed = next((each for each in ("slow", "fast") if each in words), "")
        return cls(prompt, count, colour, shapes[0], speed)


def held_out(count: int, seed: int) -> list[Told]:
    """So many prompts with which nothing was learned, at random."""
    known = sorted(prompt for prompt in grammar() if is_held_out(prompt))
    order = np.random.default_rng(seed).permutation(len(known))
    return [Told.of(known[index]) for index in order[:count]]


def roll(
    pipeline: lt.Pipeline, prompts: Sequence[str], seed: int, **sampling: Any
) -> Iterator[lt.GenerationResult]:
    """A segment for each prompt, each from the state of the one before."""
    state: lt.ContinuationState | None = None
    for number, prompt in enumerate(prompts):
        session = lt.Session(pipeline, state=state)
        said = {"seed": seed, **sampling} if number == 0 else {}
        yield session.extend(prompt, sampling=lt.Sampling(**said))
        state = session.state


@frozen
class Seams:
    """How the step over a seam is, beside those inside segments; medians over a take.

    - ``psnr``: of a picture against the one before, in dB, inside and at seams.
    - ``jerk``: how far the middle of all things is from where it would be without a turn, in
      pixels, inside and at seams.
    - ``colour``: how much the mean colour of things changes, 0 to 1, inside and at seams.
    """

    psnr: tuple[float, float]
    jerk: tuple[float, float]
    colour: tuple[float, float]


def seams(segments: Sequence[NDArray[np.float32]]) -> Seams:
    """Of a take's segments, each ``[T, H, W, 3]``, 0 to 1."""
    pictures = np.concatenate(list(segments))
    starts = np.cumsum([len(each) for each in segments])[:-1]
    at = np.zeros(len(pictures), bool)
    at[starts] = True
    error = np.square(np.diff(pictures, axis=0)).mean(axis=(1, 2, 3))
    psnr = -10 * np.log10(np.maximum(error, 1e-9))
    places, colours = zip(*(_middle_and_colour(each) for each in pictures), strict=True)
    jerk = np.linalg.norm(np.diff(np.stack(places), 2, axis=0), axis=1)
    jump = np.abs(np.diff(np.stack(colours), axis=0)).mean(1)
    return Seams(
        _inside_and_at(psnr, at[1:]),
        _inside_and_at(jerk, at[2:] | at[1:-1]),
        _inside_and_at(jump, at[1:]),
    )


def _inside_and_at(values: Floats, at: NDArray[np.bool_]) -> tuple[float, float]:
    return _median(values[~at]), _median(values[at])


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _middle_and_colour(picture: NDArray[np.float32]) -> tuple[Floats, Floats]:
    found = spots(picture)
    if not found:
        return np.full(2, np.nan), np.full(3, np.nan)
    where = np.any([spot.where for spot in found], axis=0)
    rows, columns = np.nonzero(where)
    return np.array([columns.mean(), rows.mean()]), picture[where].mean(0).astype(np.float64)
