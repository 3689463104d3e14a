"""Rolling takes of pendulums, each segment from nothing but the JSON of the state before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_pendulum.state import PendulumState

OVERLAP = 9


@frozen(eq=False)
class Rolled:
    """A take: its new frames and samples joined, with its end; the typed state after each segment.

    ``held``: how many of the samples came with the end.
    """

    frames: NDArray[np.uint8]
    sound: NDArray[np.float32]
    states: tuple[PendulumState, ...]
    held: int


def load() -> lt.Pipeline:
    return lt.load(family="pendulum")


def typed(state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> PendulumState:
    """The typed state, read by the family's own codec."""
    codec = lt.Registry.default().family("pendulum").codec(state.kind)
    assert codec is not None
    value: PendulumState = codec.decode(state, blobs)
    return value


def results(
    new_frames: Iterable[int], *, prompt: str = "sea", video: bool = True, **sampling: Any
) -> Iterator[lt.GenerationResult]:
    """A segment for each of ``new_frames``."""
    state: lt.ContinuationState | None = None
    with load() as pipeline:
        for count in new_frames:
            repeated = OVERLAP if state is not None else 0
            size = lt.Sampling(num_frames=count + repeated, **sampling)
            session = lt.Session(pipeline, state=state, sampling=size, video=video)
            yield session.extend(prompt)
            assert session.state is not None
            state = lt.ContinuationState.from_json(session.state.to_json())


def roll(new_frames: Iterable[int], **sampling: Any) -> Rolled:
    """A take of one segment for each of ``new_frames``, joined."""
    done = list(results(new_frames, **sampling))
    with load() as pipeline:
        assert done[-1].state is not None
        end = pipeline.finish(done[-1].state)
    sounds = [each.audio for each in (*done, end) if each.audio is not None]
    return Rolled(
        np.concatenate([each.frames for each in done]),
        np.concatenate(sounds, axis=1),
        tuple(typed(each.state) for each in done if each.state is not None),
        sounds[-1].shape[1],
    )
