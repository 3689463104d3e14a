"""A command that a plugin adds to ``longtake``."""

from __future__ import annotations

import re
from typing import Final

from longtake.errors import PluginError
from longtake.schema import declared
from longtake.schema.frozen import Frozen

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


class Command(Frozen):
    """A command of ``longtake``, named and not imported.

    ::

        lt.Command("serve", "longtake_serve.command:serve", help="Serve sessions over HTTP.")

    - ``name``: what people type; none of Longtake's own, and of one plugin alone.
    - ``command``: the name of a click command or group, imported when it is run or asked for help.
    - ``help``: one line for ``longtake --help``.
    """

    __slots__ = ("name", "command", "help")

    def __init__(self, name: str, command: str, *, help: str) -> None:
        self.name: Final = name
        self.command: Final = command
        self.help: Final = help
        if not isinstance(name, str) or not COMMAND_NAME.fullmatch(name):
            what = "small letters and digits, in words joined by '-', a letter first"
            declared.refuse(self, "name", name, what)
        if name in OWN_COMMANDS:
            raise PluginError(f"the command {name!r} is Longtake's own; choose another name")
        if not isinstance(command, str) or not declared.is_target(command):
            declared.refuse(self, "command", command, "a name 'package.module:attribute'")
        if not isinstance(help, str) or not help.strip() or not help.isprintable():
            declared.refuse(self, "help", help, "one line that says what it does")
