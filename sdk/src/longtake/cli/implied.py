"""A prompt where a command is expected: ``longtake "a tram turns"`` generates."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

__all__ = ["DEFAULT_COMMAND", "is_prompt", "with_command"]

DEFAULT_COMMAND = "generate"


def with_command(arguments: Sequence[str], commands: Collection[str]) -> list[str]:
    """``arguments``, after the options of the group, with the command that they leave out.

    The first of them that is a command or a prompt decides: options of `DEFAULT_COMMAND` may stand
    before a prompt. Where a word stands first, it has to be the prompt itself, so that a misspelt
    command is none.
    """
    given = list(arguments)
    words = given if given and given[0].startswith("-") else given[:1]
    for word in words:
        if word in commands:
            break
        if is_prompt(word):
            return [DEFAULT_COMMAND, *given]
    return given


def is_prompt(word: str) -> bool:
    """Whether no command could be meant: it has a space, or a letter beyond ASCII.

    What begins like an option and names of files that exist are no prompts.
    """
    could_be = not word.startswith("-") and (not word.isascii() or any(map(str.isspace, word)))
    return could_be and not os.path.exists(word)
