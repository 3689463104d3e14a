"""An error in one line, as observers may know it: without the prompts of its request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from longtake.errors import StageError, text_of

__all__ = ["error_line"]

_MAX_ERROR_CHARACTERS = 500

_MAX_COMPARISONS = 10**7
"""Characters of a prompt by those of a text, in which looking for it takes a second at most."""


def error_line(error: BaseException, prompts: Sequence[str], *, of_stage: bool) -> str:
    """One line about ``error``, without prompts; of a stage's, what the stage itself raised."""
    if of_stage and isinstance(error, StageError) and error.__cause__ is not None:
        error = error.__cause__
    text = text_of(error, whole=True)
    if len(text) * sum(map(len, prompts)) > _MAX_COMPARISONS:
        text = "its message is too long to be shown"
    for prompt in sorted(prompts, key=len, reverse=True):
        text = _without(prompt, text)
    text = text.encode(errors="backslashreplace").decode()  # half a character cannot be sent on
    name, text = type(error).__name__, " ".join(text.split())
    return (f"{name}: {text}" if text else name)[:_MAX_ERROR_CHARACTERS]


def _without(prompt: str, text: str) -> str:
    """``text`` with ``[prompt]`` for the prompt, as it is or as `repr` and `ascii` write it."""
    for form in (prompt, ascii(prompt)[1:-1]):
        if words := re.findall(r"\w+", form):
            pattern = _BETWEEN_WORDS.join(map(re.escape, words))
            if len(words) == 1:  # or a prompt of one letter would be found in every word
                pattern = rf"(?:(?<!\w)|(?<=\\[abfnrtv])){pattern}(?!\w)"
            text = re.sub(pattern, "[prompt]", text)
    return text


_BETWEEN_WORDS = r"(?:\\[abfnrtv]|\W)*"
"""What is no letter and no digit, or a line break as `repr` writes it."""
