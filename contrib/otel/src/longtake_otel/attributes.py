"""The attributes that spans and metrics share, and their names."""

from __future__ import annotations

import longtake as lt

__all__ = ["Ended", "Value", "of_end", "of_run", "of_stage", "type_and_message"]

Value = str | bool | int | float
Ended = lt.RunEnded | lt.StageEnded
OfStage = lt.StageStarted | lt.StepDone | lt.StageEnded


def of_run(event: lt.RunEvent) -> dict[str, Value]:
    """What the run is; few values each, as metrics need them."""
    return {
        "longtake.family": event.family,
        "longtake.preset": event.preset,
        "longtake.device": event.device,
        "longtake.run.purpose": event.purpose,
    }


def of_stage(event: OfStage) -> dict[str, Value]:
    """What the stage is. Its place is left to spans: stages of one name are one in metrics."""
    return {"longtake.stage.name": event.stage}


def of_end(event: Ended) -> dict[str, Value]:
    """How a run or a stage ended."""
    ended: dict[str, Value] = {"longtake.outcome": event.outcome}
    if event.error is not None:
        ended["error.type"] = type_and_message(event.error)[0]
    return ended


def type_and_message(error: str) -> tuple[str, str]:
    """The two halves of an event's ``error``."""
    name, _, message = error.partition(": ")
    return name, message
