"""From options to a request: each option is a path into the request document, so is ``--set``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import click

from longtake.request import GenerationRequest

__all__ = ["build_request"]

_PATHS = {
    "seed": "sampling.seed",
    "height": "sampling.height",
    "width": "sampling.width",
    "num_frames": "sampling.num_frames",
    "fps": "sampling.fps",
    "steps": "sampling.num_inference_steps",
    "guidance_scale": "sampling.guidance_scale",
    "negative_prompt": "negative_prompt",
    "overlap_frames": "output.overlap_frames",
}
_DECIDED_ELSEWHERE = {
    "prompt": "prompts are arguments of the command",
    "state": "the state is a file: use --state",
    "output.last": "use --save-state and --finish",
    "output.return_state": "use --save-state",
}


def build_request(
    prompt: str, options: Mapping[str, Any], assignments: Iterable[str]
) -> GenerationRequest:
    """The request of a take's first segment.

    ``options``: values by option name, None where not given. ``assignments``: ``path=value``
    texts, which win. Raises `click.UsageError` for one that is not, `ValidationError` with the
    path of a wrong field.
    """
    document: dict[str, Any] = {"prompt": prompt}
    for name, value in options.items():
        if value is not None:
            _assign(document, _PATHS[name], value)
    for text in assignments:
        path, separator, value = text.partition("=")
        if not separator:
            raise click.UsageError(f"--set {text!r} is not of the form path=value.")
        _assign(document, _full_path(path.strip()), _parsed(value.strip()))
    return GenerationRequest.from_dict(document)


def _full_path(path: str) -> str:
    """``denoise.stg_scale`` is short for ``stage_overrides.denoise.stg_scale``."""
    names = path.split(".")
    if not all(names):
        raise click.UsageError(f"--set {path!r} is not a path such as denoise.stg_scale.")
    for decided, instead in _DECIDED_ELSEWHERE.items():
        if f"{path}.".startswith(f"{decided}."):
            raise click.UsageError(f"--set {path}: {instead}.")
    if names[0] in attrs.fields_dict(GenerationRequest):
        return path
    if len(names) == 1:
        raise click.UsageError(
            f"--set {path}: there is no such field; write sampling.{path} or <stage>.{path}."
        )
    return f"stage_overrides.{path}"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _assign(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        document = document.setdefault(name, {})
        if not isinstance(document, dict):
            raise click.UsageError(f"--set {path}: {name} already has a value without fields.")
    document[last] = value
