"""What a command that rolls a take tells, as values: shown in words, or with --json as records."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, TypeAlias

from attrs import asdict, field, frozen

from longtake.families.models import LoadProgress

__all__ = [
    "Done",
    "Failed",
    "LoadProgress",
    "SegmentCommitted",
    "SegmentRolled",
    "SessionRolled",
    "Started",
    "StepProgress",
    "TakeEvent",
    "Warned",
    "record_of",
]


@frozen(kw_only=True)
class Started:
    """What is going to be rolled; the first event.

    ``model``: the checkpoint, None for an example or a family without weights. ``preset``: with its
    version. ``num_frames``: of a segment, with those it repeats. ``segments``: how many the take
    has with this command's, of which the first is ``first_segment``, counted from 1.
    """

    longtake: str
    family: str
    preset: str
    model: str | None
    seed: int
    height: int
    width: int
    num_frames: int
    fps: Fraction
    first_segment: int
    segments: int
    output: str


@frozen(kw_only=True)
class StepProgress:
    """``step`` of ``total`` steps of a stage are done, in segment number ``segment`` of the take.

    ``fraction``: of the segment that is done, 0 to 1 and never falling.
    ``segment_seconds_left``, ``take_seconds_left``: estimated; None where nothing is known yet.
    """

    segment: int
    segments: int
    stage: str
    step: int
    total: int
    fraction: float = 0.0
    segment_seconds_left: float | None = None
    take_seconds_left: float | None = None


@frozen(kw_only=True)
class SegmentRolled:
    """A segment is in the output file, and the state after it in the state's.

    ``first_frame``, ``first_sample``: where it begins in the output file. ``samples``: of each
    channel; 0 without sound, where ``sample_rate`` in Hz is None. ``seconds``: how long the new
    picture is, or the sound without one. ``timings``: what each stage took, in seconds.
    ``state``: the file that goes on from here; None when there is none.
    """

    segment: int
    segments: int
    first_frame: int
    frames: int
    first_sample: int
    samples: int
    sample_rate: int | None
    seconds: float
    timings: Mapping[str, float]
    output: str
    state: str | None


@frozen(kw_only=True)
class SegmentCommitted:
    """A segment of a session is in its store: ``segment``, counted from 1, of ``segments``.

    ``segments``: as many as the command rolls it to; None when other processes add some, too.
    ``seconds``: how long it is. ``made_by``: which worker made it. ``own``: whether this command
    did; ``timings`` are then what each stage took, in seconds. ``state_digest``: of the state after
    it; None without a state.
    """

    session: str
    segment: int
    segments: int | None
    revision: int
    seconds: float
    made_by: str
    own: bool
    timings: Mapping[str, float]
    state_digest: str | None


@frozen(kw_only=True)
class SessionRolled:
    """All is done; the last event of a command that rolls a session.

    ``segments``: that the session has now. ``rolled``: those that this command made.
    """

    session: str
    segments: int
    rolled: int


@frozen
class Warned:
    """Something that the user should know, and that stops nothing."""

    message: str


@frozen(kw_only=True)
class Failed:
    """The command has failed; the last event.

    ``error``: the name of its class. ``path``: the file or field that is wrong, None where there is
    none to name. ``signal``: the number of the signal that stopped the command.
    """

    error: str
    path: str | None
    reason: str
    exit_code: int
    signal: int | None = None


@frozen(kw_only=True)
class Done:
    """All is done; the last event.

    ``seconds``: how long what is new in ``output`` is. ``next_command``: what appends a further
    segment, to be typed as it is; None where the take is complete.
    """

    output: str
    frames: int
    seconds: float
    state: str | None = field(default=None)
    next_command: str | None = field(default=None)


TakeEvent: TypeAlias = (
    Started
    | LoadProgress
    | StepProgress
    | SegmentRolled
    | SegmentCommitted
    | Warned
    | Failed
    | Done
    | SessionRolled
)

_NAMES: Mapping[type, str] = {
    Started: "started",
    LoadProgress: "loading",
    StepProgress: "progress",
    SegmentRolled: "segment",
    SegmentCommitted: "committed",
    Warned: "warning",
    Failed: "failed",
    Done: "done",
    SessionRolled: "rolled",
}


def record_of(event: TakeEvent) -> dict[str, Any]:
    """``event`` as plain JSON: its name under ``"event"``, and its fields.

    A ratio is text such as ``"24000/1001"``, seconds are rounded to milliseconds.
    """
    fields = asdict(event, value_serializer=lambda _, __, value: _plain(value))
    return {"event": _NAMES[type(event)], **fields}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    return str(value) if isinstance(value, Fraction) else value
