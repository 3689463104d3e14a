"""What is told of a scene, segment by segment, and the scene of which it is true."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from attrs import frozen

from training.learned_tiny.scenes import (
    BACKGROUNDS,
    COLOURS,
    RADIUS,
    SHAPES,
    SIZE,
    SPEEDS,
    Scene,
    Thing,
    share_apart,
)

__all__ = ["Story", "first_prompts", "grammar", "is_held_out", "tell"]

_APART = 0.8
"""Share of the time for which two things are to be seen as two."""
_TRIES = 20
_SAME, _GOES_ON = 0.35, 0.25
"""Shares of the segments that go on under the same prompt, and under one that says just that."""


@frozen
class Story:
    """A scene, and the prompt of each of its segments."""

    scene: Scene
    prompts: tuple[str, ...]


def first_prompts(count: int, colour: str, shape: str, speed: str, background: str) -> list[str]:
    """All ways to say how a take begins; ``speed`` and ``background`` are empty where unsaid."""
    things = f"{colour} {shape}{'s' if count > 1 else ''}"
    counts = ("a", "one") if count == 1 else ("two",)
    where = f" {background}" if background else ""
    said = [f"{each} {things}{where}" for each in counts]
    if speed:
        adverb = f"{speed}ly" if speed == "slow" else speed
        said = [f"{each} {things}{where}, {speed}" for each in counts]
        said += [f"{each} {speed} {things}{where}" for each in counts]
        said += [f"{each} {things} moving {adverb}{where}" for each in counts]
    return said


def is_held_out(prompt: str) -> bool:
    """Whether no scene is told with it in training: by its digest, one in eight that say a speed.

    What says a speed can be said in several ways, of which others are learned.
    """
    says_speed = not {"slow", "slowly", "fast"}.isdisjoint(prompt.replace(",", "").split())
    return says_speed and hashlib.sha256(prompt.encode()).digest()[0] % 8 == 0


def grammar() -> list[str]:
    """Every prompt that there is."""
    kinds = (
        (count, colour, shape, speed, background)
        for count in (1, 2)
        for colour in COLOURS
        for shape in SHAPES
        for speed in SPEEDS
        for background in ("", *BACKGROUNDS)
    )
    return [prompt for kind in kinds for prompt in first_prompts(*kind)] + list(_later())


def _later() -> Iterator[str]:
    for subject, s in (("it", "s"), ("they", "")):
        go = "goes" if s else "go"
        yield from (f"{subject} turn{s} {colour}" for colour in COLOURS)
        yield from (f"{subject} stop{s}", f"{subject} {go} on")
        yield from (f"{subject} move{s} {how}" for how in ("slowly", "fast"))
    yield "a second one comes"


def tell(rng: np.random.Generator, begins: Sequence[float], seconds: float) -> Story:
    """A story at random of as many segments as ``begins``, whose new pictures begin at these
    seconds, the first at 0; the scene is good for ``seconds``.
    """
    return _Telling(rng).of(begins, seconds)


class _Telling:
    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._count = 1 if rng.random() < 0.6 else 2
        self._colours = [(0.0, self._one_of(COLOURS))]
        self._speed = self._one_of(SPEEDS)
        self._changes: list[tuple[float, float]] = []
        self._appears = 0.0
        self._is_told = False

    def of(self, begins: Sequence[float], seconds: float) -> Story:
        shape, background = self._one_of(SHAPES), self._one_of(BACKGROUNDS)
        said = background if self._rng.random() < 0.5 else ""
        count, colour = self._count, self._colours[0][1]
        told = first_prompts(count, colour, shape, self._speed, said)
        prompts = [self._one_of([each for each in told if not is_held_out(each)])]
        prompts += [self._next(begin, prompts[0]) for begin in begins[1:]]
        things = self._things(seconds)
        shade = float(self._rng.uniform(-0.05, 0.05))
        scene = Scene(shape, background, shade, tuple(self._colours), things)
        return Story(scene, tuple(prompts))

    def _next(self, begin: float, first: str) -> str:
        """What is told of the segment that begins then, which changes the scene from there on."""
        choice = self._rng.random()
        if choice < _SAME and not self._is_told:
            return first
        subject, s = ("it", "s") if self._count == 1 else ("they", "")
        self._is_told = True
        if choice < _SAME + _GOES_ON:
            return f"{subject} go{'es' if s else ''} on"
        what = self._rng.integers(4 if self._count == 1 else 3)
        if what == 0:
            colour = self._one_of(COLOURS)
            self._colours.append((begin, colour))
            return f"{subject} turn{s} {colour}"
        if what == 1:
            self._changes.append((begin, 0.0))
            return f"{subject} stop{s}"
        if what == 2:
            speed = "slow" if self._rng.random() < 0.5 else "fast"
            self._changes.append((begin, SPEEDS[speed]))
            return f"{subject} move{s} {'slowly' if speed == 'slow' else speed}"
        self._count, self._appears = 2, begin
        return "a second one comes"

    def _things(self, seconds: float) -> tuple[Thing, ...]:
        """One, or two that are at opposite places: of some at random those that touch least."""
        if self._count == 1:
            return (self._thing(),)
        times = np.arange(self._appears, seconds, 1 / 12)
        found: tuple[Thing, ...] = ()
        best = -1.0
        for _ in range(_TRIES):
            one = self._thing()
            two = (one, one.mirrored(self._appears))
            if (apart := share_apart(two, times)) > best:
                found, best = two, apart
            if best >= _APART:
                break
        return found

    def _thing(self) -> Thing:
        angle = math.radians(self._rng.uniform(20, 70))
        signs = self._rng.choice([-1.0, 1.0], 2)
        x, y = self._rng.uniform(RADIUS, SIZE - RADIUS, 2)
        direction = (float(signs[0] * math.cos(angle)), float(signs[1] * math.sin(angle)))
        speeds = ((0.0, SPEEDS[self._speed]), *self._changes)
        return Thing((float(x), float(y)), direction, speeds)

    def _one_of(self, names: Sequence[str] | Mapping[str, object]) -> str:
        known = list(names)
        return known[int(self._rng.integers(len(known)))]
