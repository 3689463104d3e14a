"""The listings as they are mostly asked for, without a parser of options: they start sooner."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["is_plain", "run_plain"]

_PLAIN = ("families", "presets", "plugins")
_JSON = "--json"


def is_plain(argv: Sequence[str]) -> bool:
    """Whether it is a listing of everything, for people or as JSON."""
    return argv[:1] in [[name] for name in _PLAIN] and list(argv[1:]) in ([], [_JSON])


def run_plain(argv: Sequence[str]) -> int:
    """What `longtake.cli.group.run` does with an ``argv`` that `is_plain`; the exit code."""
    from longtake.cli.ending import ended

    return ended(lambda: _listed(argv[0], as_json=_JSON in argv))


def _listed(name: str, as_json: bool) -> None:
    from longtake.cli import listings
    from longtake.settings import Settings

    if Settings.from_environment().rank:  # of several processes one lists
        return
    prints = {
        "families": listings.print_families,
        "presets": listings.print_presets,
        "plugins": listings.print_plugins,
    }
    prints[name](as_json)
