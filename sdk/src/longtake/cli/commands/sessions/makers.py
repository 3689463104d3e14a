"""The family and the preset that roll a session."""

from __future__ import annotations

import click
from attrs import evolve

from longtake.cli.options.examples import preset_of
from longtake.cli.options.models import ModelChoice, choose_family
from longtake.errors import UnknownNameError
from longtake.families.family import ModelFamily
from longtake.plugins.registry import Registry
from longtake.session_stores.records import SessionRecord
from longtake.sessions.fitting import has_moved_on, moved_on

__all__ = ["maker_of"]


def maker_of(
    registry: Registry,
    choice: ModelChoice,
    preset: str | None,
    record: SessionRecord | None,
    *,
    accept_versions: bool,
) -> tuple[ModelFamily, str | None]:
    """The family and the preset; those of a session that is there. Raises `click.UsageError`."""
    if record is None:
        family = choose_family(registry, choice)
        preset = preset_of(family, choice.model, preset)
        family.preset(preset)  # refuses an unknown one before a checkpoint is looked at
        return family, preset
    if choice.checkpoint is None and choice.family is None:
        choice = evolve(choice, family=record.family)
    family = choose_family(registry, choice)
    wanted = family.preset(preset if preset is not None else _preset_here(family, record))
    named = f"{wanted.name}@{wanted.version}"
    if family.name == record.family and has_moved_on(record, named):
        if not accept_versions:
            raise click.UsageError(
                f"session {record.id!r}: its preset {moved_on(record, family, named)}"
            )
    elif (family.name, named) != (record.family, record.preset or named):
        raise click.UsageError(
            f"session {record.id!r} is rolled by {record.family} {record.preset}".rstrip()
            + f", not by {family.name} {named}; fork it, or take another id."
        )
    return family, named


def _preset_here(family: ModelFamily, record: SessionRecord) -> str | None:
    """The session's preset, or the newest of its name where that version is not there any more."""
    if not record.preset:
        return None
    try:
        family.preset(record.preset)
    except UnknownNameError:
        return record.preset.partition("@")[0]
    return record.preset
