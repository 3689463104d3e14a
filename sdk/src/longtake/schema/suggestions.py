"""What somebody may have meant who wrote a name that there is not."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean"]

_LIKE = 0.65
"""How much of two names must be the same, from 0 to 1, as difflib counts it."""

_LONGEST = 80
"""Names longer than this are no typos, and comparing them would take its time."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """``" (did you mean 'NAME'?)"`` for the one of ``known`` that is most like ``wrong``.

    Empty where none is like it. It stands behind the wrong name, in errors of Python and of the
    command line alike; capitals do not count.
    """
    from difflib import get_close_matches  # late: nothing is misspelt as a rule

    names = {name.lower(): name for name in known}
    found = (
        get_close_matches(wrong.lower(), names, n=1, cutoff=_LIKE) if len(wrong) <= _LONGEST else []
    )
    return f" (did you mean {names[found[0]]!r}?)" if found else ""
