"""From options to a request: each option is a path into the request document, so is ``--set``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import attrs
import click

from longtake.cli.options.groups import with_options
from longtake.requests.request import GenerationRequest

__all__ = ["build_overrides", "build_request", "parse_value", "request_options"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--height", type=int, metavar="PIXELS"),
    click.option("--width", type=int, metavar="PIXELS"),
    click.option("--fps", metavar="RATE", help="Frames per second, e.g. 24 or 24000/1001."),
    click.option("--steps", type=int, metavar="N", help="Denoising steps."),
    click.option("--guidance-scale", type=float, metavar="X", help="Text guidance of the picture."),
    click.option(
        "--enhance",
        "enhance_prompt",
        flag_value=True,
        default=None,
        help="Have the model rewrite each prompt in more words first, if it can.",
    ),
    click.option(
        "--overlap-frames", type=int, metavar="N", help="Repeated by the next segment (9)."
    ),
    click.option(
        "--allow-empty-prompt",
        flag_value=True,
        default=None,
        help="Take a prompt of nothing: the model makes what it likes.",
    ),
    click.option("--no-video", "video", flag_value=False, default=None, help="Make sound alone."),
    click.option(
        "--no-audio", "audio", flag_value=False, default=None, help="Make a silent picture."
    ),
)

_PATHS = {
    "seed": "sampling.seed",
    "height": "sampling.height",
    "width": "sampling.width",
    "num_frames": "sampling.num_frames",
    "fps": "sampling.fps",
    "steps": "sampling.num_inference_steps",
    "guidance_scale": "sampling.guidance_scale",
    "enhance_prompt": "sampling.enhance_prompt",
    "negative_prompt": "negative_prompt",
    "overlap_frames": "output.overlap_frames",
    "state_kind": "output.state_kind",
    "allow_empty_prompt": "allow_empty_prompt",
    "video": "output.video",
    "audio": "output.audio",
}
_DECIDED_ELSEWHERE = {
    "prompt": "prompts are arguments of the command",
    "state": "the state is a file: use --state",
    "inputs.source": "a clip to be remade or extended is a file: use retake or extend",
    "inputs": "inputs are files: use --image, --clip, --audio, --reference, --voice, "
    "--first-frame or --last-frame",
    "output.last": "use --save-state and --finish",
    "output.return_state": "use --save-state",
}


def request_options(command: F) -> F:
    """The options that are fields of a request, for a command that makes or plans a take."""
    return with_options(command, _OPTIONS)


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
        path, value = _split(text, "--set")
        _assign(document, _full_path(path), value)
    return GenerationRequest.from_dict(document)


def build_overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """``{stage: {field: value}}`` from the ``stage.field=value`` texts of ``--preset-override``.

    Raises `click.UsageError` for one that is not.
    """
    option, document = "--preset-override", dict[str, Any]()
    for text in assignments:
        path, value = _split(text, option)
        if "." not in path or not all(path.split(".")):
            raise click.UsageError(f"{option} {path!r} is not a path such as refine.enabled.")
        _assign(document, path, value, option)
    return document


def parse_value(text: str) -> Any:
    """JSON where it is JSON, else the text itself, so that words need no quotes."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _split(text: str, option: str) -> tuple[str, Any]:
    path, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"{option} {text!r} is not of the form path=value.")
    return path.strip(), parse_value(value.strip())


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


def _assign(document: dict[str, Any], path: str, value: Any, option: str = "--set") -> None:
    *parents, last = path.split(".")
    for name in parents:
        document = document.setdefault(name, {})
        if not isinstance(document, dict):
            raise click.UsageError(f"{option} {path}: {name} already has a value without fields.")
    document[last] = value
