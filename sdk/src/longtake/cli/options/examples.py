"""What a take is made with when no checkpoint is named: an extension's example, or the family's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from longtake.families.extensions import JoinedExtension
from longtake.families.family import ModelFamily
from longtake.schema.references import resolve

__all__ = ["RANDOM", "Example", "example_of", "has_example", "preset_of"]

RANDOM = Path("tiny:random")
"""As ``--model``: the family's own example, whatever extensions bring."""


@frozen
class Example:
    """A small checkpoint for trying a family.

    - ``source``: ``(folder) -> folder``, or its name.
    - ``preset``: of takes that name none; None for what suits the checkpoint.
    - ``provider``: the extension's; None for the family's own, which has random weights.
    """

    source: str | Callable[[Path], Path]
    preset: str | None = None
    provider: str | None = None

    def write(self, folder: Path) -> Path:
        """Where it is: in ``folder``, or where its package has it."""
        make: Any = resolve(self.source)
        written: Path = make(folder / "example")
        return written


def has_example(family: ModelFamily) -> bool:
    """Whether takes of the family can be tried without a checkpoint that loads weights."""
    return family.example is not None or bool(_offers(family))


def example_of(family: ModelFamily, model: Path | None) -> Example | None:
    """The example that ``--model`` leaves the choice to; None where no weights are loaded or named.

    An extension's goes before the family's own. Raises `click.UsageError` when two extensions have
    one, or when there is none.
    """
    if family.load is None or model not in (None, RANDOM):
        return None
    offers = () if model == RANDOM else _offers(family)
    if len(offers) > 1:
        both = " and ".join(joined.provider for joined in offers)
        raise click.UsageError(
            f"family {family.name!r} has an example of {both}: name one's folder with --model DIR, "
            f"or the family's own with --model {RANDOM}"
        )
    if offers:
        source, presets = offers[0].extension.example, offers[0].presets
        assert source is not None
        return Example(source, presets[0].name if presets else None, offers[0].provider)
    if family.example is None:
        raise click.UsageError(f"family {family.name!r} has no example: give --model DIR")
    return Example(family.example)


def preset_of(family: ModelFamily, model: Path | None, preset: str | None) -> str | None:
    """``preset``, or the example's where none is asked for. Raises like `example_of`."""
    if preset is not None:
        return preset
    example = example_of(family, model)
    return None if example is None else example.preset


def _offers(family: ModelFamily) -> tuple[JoinedExtension, ...]:
    """The extensions with an example; one of which something is refused is not used."""
    return tuple(
        joined
        for joined in family.extensions
        if joined.extension.example is not None and not joined.refused
    )
