"""What happens in a run, as its observers and the reader of its stream are told.

There is one event for each thing that happens. Observers are told what a run does, never what it
makes; the reader of a stream is told its progress and what it makes. Both get the same `Progress`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import field, frozen

from longtake.runs.results import Frames, GenerationResult, Waveform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Event",
    "Final",
    "Partial",
    "Preview",
    "Progress",
    "Purpose",
    "RunEnded",
    "RunEvent",
    "RunStarted",
    "SegmentDone",
    "StageEnded",
    "StageShare",
    "StageStarted",
    "StepDone",
]

Purpose: TypeAlias = Literal["segment", "finish"]


@frozen
class StageShare:
    """A stage of a run and the part of it that the stage is expected to be.

    ``stage``: its name; ``stage_index``: its place in the recipe, from 0; ``weight``: from 0 to 1.
    """

    stage: str
    stage_index: int
    weight: float


@frozen(kw_only=True)
class _OfRun:
    """What every event of a run says of it."""

    time_ns: int
    run_id: str
    purpose: Purpose
    family: str
    preset: str
    device: str


@frozen(kw_only=True)
class RunStarted(_OfRun):
    """A run has its turn at the pipeline and begins to read its request. The first of its events.

    Every event has, besides its own fields, ``time_ns``: when it happened, Unix time in
    nanoseconds; ``run_id``: 32 random hexadecimal digits, of this run alone; ``purpose``: whether
    the run makes a segment or the finish of a take; ``family`` and ``preset``: their names, the
    preset's with its version, e.g. ``"fast@2"``; ``device``: where the networks are. No event has
    a prompt, a picture, a sound or a state.

    - ``waited_seconds``: how long the run waited for its turn.
    - ``stages``: those to come, in their order. Their weights add up to 1: by the floating-point
      operations that the family's ``estimate`` counts, or all the same where it cannot tell.
    - ``num_segments``: of the take that the segment is of; None where the caller does not say.
    - ``session_id``: of the session whose segment `longtake.roll` makes; None of other runs.
    - ``traceparent``: of the trace that the run belongs to, as `longtake.roll` was told.

    All later events say the ``fraction`` of the run that is done, from 0 to 1, by these weights and
    the steps that stages count. It never falls. All stages together fill 0.99, and 1 is said only
    by a `RunEnded` whose outcome is ``"done"``; another one says how far the run had come.
    """

    waited_seconds: float
    stages: tuple[StageShare, ...] = ()
    num_segments: int | None = None
    session_id: str | None = None
    traceparent: str | None = None


@frozen(kw_only=True)
class StageStarted(_OfRun):
    """A stage begins. ``stage``: its name; ``stage_index``: its place in the recipe, from 0.

    Stages that share a name differ in their place; each has a start and an end of its own.
    """

    stage: str
    stage_index: int
    fraction: float = 0.0


@frozen
class Progress:
    """A stage went on: ``step`` of ``total`` are done; step 0 is its start.

    A stage that counts no steps of its own (`Run.steps`) is one step. Observers are told the steps
    that a stage counts itself, from 1. A stage makes it of the first three fields; the others, as
    in `StageStarted`, are put in on its way, and do not count when two are compared.
    """

    stage: str
    step: int
    total: int
    stage_index: int = field(default=0, kw_only=True, eq=False)
    fraction: float = field(default=0.0, kw_only=True, eq=False)
    time_ns: int = field(default=0, kw_only=True, eq=False, repr=False)
    run_id: str = field(default="", kw_only=True, eq=False, repr=False)
    purpose: Purpose = field(default="segment", kw_only=True, eq=False, repr=False)
    family: str = field(default="", kw_only=True, eq=False, repr=False)
    preset: str = field(default="", kw_only=True, eq=False, repr=False)
    device: str = field(default="", kw_only=True, eq=False, repr=False)


StepDone = Progress
"""`Progress`, as observers call it."""


@frozen(kw_only=True)
class StageEnded(_OfRun):
    """A stage is over, however it ended.

    - ``seconds``: what it took, with entering it and with leaving all stages of its name; those of
      one name add up to the name's ``timings`` in the `GenerationResult`.
    - ``outcome``: ``"done"``, ``"failed"`` or ``"cancelled"``.
    - ``error``: what the stage raised, as of `RunEnded`; None unless it failed.
    """

    stage: str
    stage_index: int
    seconds: float
    outcome: Literal["done", "failed", "cancelled"]
    error: str | None
    fraction: float = 0.0


@frozen(kw_only=True)
class SegmentDone(_OfRun):
    """A run of purpose ``"segment"`` has its result; told after its last stage has ended.

    - ``segment_index``: 0 for the first of a take.
    - ``continued``: whether the request had a state.
    - ``num_frames``: the new ones, 0 in sound alone, of ``height`` x ``width`` pixels at ``fps``
      frames per second.
    - ``num_samples``: of each channel, 0 without sound; ``sample_rate`` in Hz, None without sound.
    """

    segment_index: int
    continued: bool
    num_frames: int
    height: int
    width: int
    fps: Fraction
    num_samples: int
    sample_rate: int | None
    fraction: float = 0.0


@frozen(kw_only=True)
class RunEnded(_OfRun):
    """A run is over, however it ended. The last of its events.

    ``seconds``: since `RunStarted`; of a stream, with the time that its reader took for events.
    ``outcome``: ``"done"``, ``"failed"`` or ``"cancelled"``. ``error``: what was raised, as
    ``"TypeName: message"``, one line of at most 500 characters in which the request's prompts are
    replaced by ``[prompt]``; None unless the run failed.
    """

    seconds: float
    outcome: Literal["done", "failed", "cancelled"]
    error: str | None
    fraction: float = 0.0


@frozen
class Partial:
    """A stage made something that can already be shown or played, ahead of the result."""

    stage: str
    value: Frames | Waveform


@frozen(eq=False)
class Preview:
    """What a stage's picture is expected to become, rough and small, and no part of the result.

    - ``stage``: its name. ``step`` of ``total``: after which it is expected so, as the `Progress`
      says that comes next.
    - ``pixels``: uint8 RGB ``[T, H, W, 3]``, of as many frames and as large as the family likes,
      over the whole segment: the frames that it repeats are among them.

    A stage makes one only where the request asks for it and a reader is there (`Run.is_read`).
    """

    stage: str
    step: int
    total: int
    pixels: NDArray[np.uint8] = field(repr=False)


@frozen
class Final:
    """The run is over."""

    result: GenerationResult


RunEvent: TypeAlias = RunStarted | StageStarted | Progress | StageEnded | SegmentDone | RunEnded
"""What observers are told."""

Event: TypeAlias = Progress | Preview | Partial | Final
"""What the reader of a stream is told."""
