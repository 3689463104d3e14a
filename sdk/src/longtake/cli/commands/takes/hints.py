"""What a command tells people to type next: whole commands, ready to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

__all__ = ["next_command", "same_command"]

_DECISIONS = ("--overwrite", "--discard-state", "--resume")

_OF_ONE_COMMAND = frozenset(
    {
        "backward",
        "by",
        "clips",
        "discard_state",
        "finish",
        "first_frame",
        "images",
        "keep",
        "last_frame",
        "mask",
        "only",
        "output",
        "overwrite",
        "pad",
        "references",
        "remake_from",
        "remake_to",
        "resume",
        "save_state",
        "seed",
        "segments",
        "skip_frames",
        "sound",
        "source",
        "state",
        "strength",
        "white",
    }
)
"""Parameters that say nothing of the segments of a further command."""


def same_command(output: Path, state: Path | None = None) -> str:
    """This command again, going on with what it wrote to ``output``.

    ``state``: of the take, where the command would not look for it.
    """
    arguments = [each for each in _arguments() if each not in _DECISIONS]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    added = [] if click.get_current_context().params["output"] == output else ["-o", str(output)]
    if state is not None:
        added += ["--save-state", str(state)]
    arguments[end:end] = [*added, "--resume"]
    return _typed(arguments)


def next_command(output: Path, state: Path) -> str:
    """The command that appends a further segment to ``output``, behind ``state``."""
    files = ["--state", str(state), "--save-state", str(state), "-o", str(output), "--resume"]
    return _typed(["generate", "NEXT PROMPT", *_model_options(), *files])


def _arguments() -> list[str]:
    given = click.get_current_context().find_root().obj
    return list(given or ())


def _model_options() -> list[str]:
    """The options of this command that hold for its take, as they were typed."""
    context = click.get_current_context()
    arguments = _arguments()
    name = context.info_name or ""
    if name in arguments:
        arguments = arguments[arguments.index(name) + 1 :]
    values, _, order = context.command.make_parser(context).parse_args(arguments)
    typed: list[str] = []
    for parameter in dict.fromkeys(order):
        if not isinstance(parameter, click.Option) or parameter.name in _OF_ONE_COMMAND:
            continue
        assert parameter.name is not None
        value = values[parameter.name]
        for each in value if parameter.multiple else [value]:
            typed.append(parameter.opts[-1])
            if not parameter.is_flag and parameter.nargs == 1:
                typed.append(str(each))
            elif not parameter.is_flag:
                typed += map(str, each)
    return typed


def _typed(arguments: Sequence[str]) -> str:
    return shlex.join(["longtake", *arguments])
