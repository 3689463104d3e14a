"""Whether a take may go on with the model at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from longtake.blobs.protocol import BlobStore
from longtake.cli.options.models import ModelChoice
from longtake.errors import ValidationError
from longtake.pipeline import Pipeline
from longtake.states.live import LiveState
from longtake.states.state import ContinuationState, SupportsModelFingerprint

__all__ = ["other_model_option", "restored"]

F = TypeVar("F", bound=Callable[..., Any])


def other_model_option(command: F) -> F:
    """``--allow-other-model``, the parameter ``other_model``."""
    option = click.option(
        "--allow-other-model",
        "other_model",
        is_flag=True,
        help="Go on although the take was made with another model.",
    )
    return option(command)


def restored(
    pipeline: Pipeline,
    choice: ModelChoice,
    state: ContinuationState,
    blobs: BlobStore | None,
    other_model: bool,
) -> LiveState:
    """The state of a take that goes on with the pipeline of ``choice``.

    ``other_model``: whether it may be of another model.

    Raises `ValidationError` like `Pipeline.restore`; without ``--model`` also when the state does
    not say that it is of the example, which would be another model than the take's.
    """
    is_example = choice.checkpoint is None and pipeline.family.load is not None
    live = pipeline.restore(state, blobs=blobs, allow_other_model=other_model or is_example)
    if is_example and not other_model:
        _check_of_example(pipeline.model_fingerprint, live.value())
    return live


def _check_of_example(example: str | None, state: Any) -> None:
    taken = state.model_fingerprint if isinstance(state, SupportsModelFingerprint) else None
    if example in (None, taken):
        return
    if taken is None:
        problem = "does not say which model its take was made with"
    else:
        problem = f"is of a take of the model {taken}"
    raise ValidationError(
        "state",
        f"{problem}, and without --model there is only the example, {example}: name the "
        "take's model with --model DIR, or accept the example with --allow-other-model",
    )
