"""Takes of held-out prompts as a checkpoint rolls them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

import longtake as lt
from training.learned_tiny.scenes import COLOURS, SHAPES
from training.learned_tiny.stories import grammar, is_held_out

__all__ = ["USUAL", "Told", "Way", "held_out", "roll"]


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
        words = prompt.replace(",", "").replace("slowly", "slow").split()
        count = 2 if "two" in words else 1
        shapes = [shape for shape in SHAPES for word in words if word.removesuffix("s") == shape]
        (colour,) = (each for each in COLOURS if each in words)
        speed = next((each for each in ("slow", "fast") if each in words), "")
        return cls(prompt, count, colour, shapes[0], speed)


@frozen
class Way:
    """How segments go on.

    ``kind``: of the states. ``overlap``: repeated frames. ``hears``: whether a segment is given
    the sound before it. ``sigmas``: noise levels, the preset's if there are none. ``guidance``: the
    scale of the text guidance, the preset's if there is none.
    """

    kind: str = "ltx2.v1"
    overlap: int = 9
    hears: bool = True
    sigmas: tuple[float, ...] = ()
    guidance: float | None = None

    @property
    def stage_overrides(self) -> dict[str, Any]:
        """As a session takes them."""
        asked: dict[str, Any] = {"sigmas": list(self.sigmas)} if self.sigmas else {}
        if self.guidance is not None:
            asked["guidance_scale"] = self.guidance
        return {"denoise": asked} if asked else {}


USUAL = Way()


def held_out(count: int, seed: int) -> list[Told]:
    """So many prompts with which nothing was learned, at random."""
    known = sorted(prompt for prompt in grammar() if is_held_out(prompt))
    order = np.random.default_rng(seed).permutation(len(known))
    return [Told.of(known[index]) for index in order[:count]]


def roll(
    pipeline: lt.Pipeline, prompts: Sequence[str], seed: int, way: Way = USUAL
) -> Iterator[lt.GenerationResult]:
    """A segment for each prompt, each from the state of the one before."""
    state: lt.ContinuationState | None = None
    for prompt in prompts:
        session = lt.Session(
            pipeline,
            state=state,
            state_kind=way.kind,
            overlap_frames=way.overlap,
            sampling=lt.Sampling(seed=seed),
            stage_overrides=way.stage_overrides,
        )
        yield session.extend(prompt)
        state = session.state
        if not way.hears:
            assert state is not None
            state = evolve(state, payload={**state.payload, "audio_conditioning_strength": 1.0})
