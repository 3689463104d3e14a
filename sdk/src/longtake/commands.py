"""A command that a plugin adds to ``longtake``."""

from __future__ import annotations

import re
from typing import Any

from attrs import Attribute, field, frozen

from longtake.errors import PluginError
from longtake.schema import declared

__all__ = ["COMMAND_NAME", "OWN_COMMANDS", "Command"]

OWN_COMMANDS = frozenset(
    {
        *("generate", "again", "retake", "extend", "enhance", "finish", "join", "sign"),
        *("plan", "inspect", "sessions"),
        *("families", "presets", "plugins", "doctor", "new", "pool"),
    }
)
"""Longtake's, which no plugin can have."""

COMMAND_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""What a command may be called."""


def _is_word(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not COMMAND_NAME.fullmatch(value):
        what = "small letters and digits, in words joined by '-', a letter first"
        declared.refuse(instance, attribute.name, value, what)
    if value in OWN_COMMANDS:
        raise PluginError(f"the command {value!r} is Longtake's own; choose another name")


def _is_line(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        declared.refuse(instance, attribute.name, value, "one line that says what it does")


def _is_target(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not declared.is_target(value):
        declared.refuse(instance, attribute.name, value, "a name 'package.module:attribute'")


@frozen
class Command:
    """A command of ``longtake``, named and not imported.

    ::

        lt.Command("serve", "longtake_serve.command:serve", help="Serve sessions over HTTP.")

    - ``name``: what people type; none of Longtake's own, and of one plugin alone.
    - ``command``: the name of a click command or group, imported when it is run or asked for help.
    - ``help``: one line for ``longtake --help``.
    """

    name: str = field(validator=_is_word)
    command: str = field(validator=_is_target)
    help: str = field(kw_only=True, validator=_is_line)
