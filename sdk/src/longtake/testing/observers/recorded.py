"""The events of whole runs of every outcome, of a family that needs no weights."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache

from attrs import evolve, frozen

import longtake as lt

__all__ = ["OUTCOMES", "recorded_runs", "with_error"]

OUTCOMES = ("done", "finish", "failed", "cancelled", "refused", "left early")


@frozen(kw_only=True)
class _State(lt.TakeState):
    """Where the take is."""


def _first(run: lt.Run) -> None:
    for _ in run.steps(3):
        pass


def _fails(job: lt.Job, run: lt.Run) -> None:
    for _ in run.steps(2):
        if job.prompt == "fail":
            raise OSError("no space left on device")


def _last(span: lt.TakeSpan) -> tuple[lt.Frames, lt.Waveform, _State]:
    import numpy as np  # late: heavy

    pixels = np.zeros((span.num_frames, span.height, span.width, 3), np.uint8)
    samples = np.zeros((1, len(span.sample_times(8000))), np.float32)
    return lt.Frames(pixels), lt.Waveform(samples, 8000), _State(span=span)


def _finish(state: _State) -> lt.Waveform:
    import numpy as np  # late: heavy

    return lt.Waveform(np.zeros((1, 8), np.float32), 8000)


_FAMILY = lt.ModelFamily(
    "recorded",
    (
        lt.StageSpec("first", _first),
        lt.StageSpec("second", _fails),
        lt.StageSpec("second", _last),
    ),
    finish=(lt.StageSpec("finish", _finish),),
    defaults={"seed": 0, "height": 4, "width": 6, "num_frames": 9, "fps": 24},
    codecs=(lt.AttrsCodec("recorded.v1", _State),),
)


@cache
def recorded_runs() -> dict[str, tuple[lt.RunEvent, ...]]:
    """By the names of `OUTCOMES`, the events of one run each."""
    return {outcome: _recorded(outcome) for outcome in OUTCOMES}


def _recorded(outcome: str) -> tuple[lt.RunEvent, ...]:
    told: list[lt.RunEvent] = []
    request = lt.GenerationRequest(
        "fail" if outcome == "failed" else "dusk", output=lt.Output(return_state=True, last=False)
    )
    with (
        lt.Pipeline(_FAMILY, observers=(told.append,)) as pipeline,
        suppress(lt.StageError, lt.Cancelled, lt.ValidationError),
    ):
        if outcome == "finish":
            state = pipeline.generate(request).state
            assert state is not None
            told.clear()
            pipeline.finish(state)
        elif outcome == "cancelled":
            pipeline.generate(request, cancel=_after(told, lt.Progress))
        elif outcome == "refused":
            pipeline.generate(evolve(request, stage_overrides={"first": {"size": 1}}))
        elif outcome == "left early":
            with closing(pipeline.stream(request)) as events:
                next(events)
        else:
            pipeline.generate(request)
    return tuple(told)


def _after(told: list[lt.RunEvent], kind: type) -> Callable[[], bool]:
    return lambda: any(isinstance(event, kind) for event in told)


def with_error(told: tuple[lt.RunEvent, ...], error: str) -> tuple[lt.RunEvent, ...]:
    """The events of a failed run, failed with ``error`` instead."""
    return tuple(
        evolve(event, error=error)
        if isinstance(event, lt.StageEnded | lt.RunEnded) and event.error is not None
        else event
        for event in told
    )
