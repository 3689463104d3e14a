"""Three segments of a real take, which the drawings of the clock and the state are made from."""

from __future__ import annotations

import tempfile
from pathlib import Path

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.clock import SegmentClock, TakeClock
from longtake_ltx2.continuation.carried import place_segment
from longtake_ltx2.continuation.state import LTX2ContinuationState
from longtake_ltx2.tiny import write_tiny_checkpoint

__all__ = ["Take", "roll_take"]

_FEW_STEPS = lt.Sampling(num_inference_steps=2)


@frozen
class Take:
    """``segments``: where each lies on the clock. ``clocks``: the take's, after each.

    ``states``: after each segment. ``end_samples``: of the finished take. ``sample_rate``: Hz.
    """

    segments: tuple[SegmentClock, ...]
    clocks: tuple[TakeClock, ...]
    states: tuple[LTX2ContinuationState, ...] = field(repr=False)
    end_samples: int
    sample_rate: int


def roll_take(num_segments: int = 3) -> Take:
    """Roll a take of a tiny LTX-2 with random weights, and end it. Takes seconds on a CPU."""
    states: list[LTX2ContinuationState] = []
    segments = []
    with tempfile.TemporaryDirectory() as folder, _tiny_pipeline(Path(folder)) as pipeline:
        session = lt.Session(pipeline, sampling=_FEW_STEPS)
        for _ in range(num_segments):
            job = session.extend("a bell in the fog").job
            assert job is not None and session.state is not None
            previous = states[-1] if states else None
            segments.append(place_segment(job, previous))
            states.append(LTX2ContinuationState.from_continuation_state(session.state))
        end = session.finish()
    clocks = tuple(state.clock for state in states if state.clock is not None)
    assert end.audio is not None and end.audio_sample_rate is not None
    samples = clocks[-1].samples
    assert samples is not None
    return Take(
        tuple(segments), clocks, tuple(states), samples + end.audio.shape[1], end.audio_sample_rate
    )


def _tiny_pipeline(folder: Path) -> lt.Pipeline:
    return lt.load(write_tiny_checkpoint(folder / "tiny"))
