"""What a take is expected to become, as pictures in a folder while it is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
from attrs import evolve, fields_dict
from numpy.typing import NDArray

from longtake.durable import replace_file
from longtake.errors import OutputError, ValidationError
from longtake.families.stages import Recipe, StageSpec
from longtake.media.stills import encode_still
from longtake.requests.request import GenerationRequest
from longtake.runs.events import Event, Preview

__all__ = ["asking_for_previews", "check_preview_folder", "writing_previews"]

_EVERY = "preview_every"
"""The option of stages that can show what they are about."""
_ENLARGED = 4


def check_preview_folder(folder: Path, *, resume: bool) -> None:
    """Raise `OutputError` for a folder that cannot be one, or whose files would be replaced.

    ``resume``: they may be. Nothing is created.
    """
    if not folder.parent.is_dir():
        raise OutputError(str(folder), f"cannot be made: {folder.parent} is no folder")
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise OutputError(str(folder), "is no folder; --preview names one for the pictures")
    if not resume and any(folder.iterdir()):
        raise OutputError(str(folder), "is not empty; choose another folder for --preview")


def asking_for_previews(request: GenerationRequest, recipe: Recipe) -> GenerationRequest:
    """``request``, with a picture after each evaluation of all stages that can make one.

    What the request says of a stage already stays. Raises `ValidationError` where none can.
    """
    able = [spec.name for spec in recipe if _EVERY in _fields_of(spec)]
    if not able:
        raise ValidationError("--preview", "this preset shows no pictures while it is at work")
    if not request.output.video:
        raise ValidationError("--preview", "shows pictures, and --no-video makes none")
    said = request.stage_overrides
    asked = {name: {_EVERY: 1, **said.get(name, {})} for name in able}
    return evolve(request, stage_overrides={**said, **asked})


def _fields_of(spec: StageSpec) -> Collection[str]:
    options = spec.options_class()
    return () if options is None else fields_dict(options)


def writing_previews(
    folder: Path, name: str, follow: Callable[[Event], None]
) -> Callable[[Event], None]:
    """``follow``, for which each picture is written, too: ``NAME-STAGE-004.png`` after step 4.

    Raises `OutputError` where it cannot be.
    """

    def both(event: Event) -> None:
        if isinstance(event, Preview):
            _write(folder, f"{name}-{event.stage}-{event.step:03d}.png", event.pixels)
        follow(event)

    return both


def _write(folder: Path, name: str, pixels: NDArray[np.uint8]) -> None:
    """All frames side by side, larger, of uint8 ``[T, H, W, 3]``."""
    larger = pixels.repeat(_ENLARGED, axis=1).repeat(_ENLARGED, axis=2)
    try:
        folder.mkdir(exist_ok=True)
        replace_file(str(folder / name), encode_still(np.concatenate(list(larger), axis=1)))
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise OutputError(str(folder / name), problem) from error
