"""Whether a session can be rolled by what is installed, and what to do when that has moved on."""

from __future__ import annotations

from collections.abc import Mapping

from longtake.errors import ValidationError
from longtake.families.family import ModelFamily
from longtake.pipeline import Pipeline
from longtake.plugins.registry import Registry
from longtake.session_stores.records import SessionRecord
from longtake.sessions.steps import preset_of

__all__ = ["accepted_versions", "check_fits", "has_moved_on", "moved_on"]


def check_fits(session: SessionRecord, pipeline: Pipeline, *, accept_versions: bool) -> None:
    """Raise `ValidationError` unless the pipeline is of the session's family and preset.

    ``accept_versions``: whether it may be another version of the preset.
    """
    if session.family != pipeline.family.name:
        problem = f"is {session.family!r}; the pipeline is of {pipeline.family.name!r}"
        raise ValidationError("session.family", problem)
    now = preset_of(pipeline)
    if session.preset in ("", now):
        return
    if not has_moved_on(session, now):
        problem = f"is {session.preset!r}; the pipeline has {now!r}: load that one"
        raise ValidationError("session.preset", problem)
    if not accept_versions:
        raise ValidationError("session.preset", moved_on(session, pipeline.family, now))


def has_moved_on(session: SessionRecord, preset: str) -> bool:
    """Whether ``preset``, ``name@version``, is another version of the session's."""
    return session.preset != preset and _name_of(session.preset) == _name_of(preset)


def moved_on(session: SessionRecord, family: ModelFamily, preset: str) -> str:
    """What to say of a session whose preset has moved on to ``preset``."""
    there = Registry.default().versions_of(family, preset)
    before = _differing({} if session.last is None else session.last.versions, there)
    made_by = f" (its last segment was made by {before})" if before else ""
    return (
        f"is {session.preset!r}, and this is {preset!r}: use the release that has "
        f"{session.preset!r}{made_by}, or go on with {preset!r} on purpose with "
        "accept_versions=True (--accept-versions)"
    )


def accepted_versions(session: SessionRecord, pipeline: Pipeline) -> dict[str, str]:
    """What a segment's versions say of a preset that is not in the session's version."""
    if not has_moved_on(session, preset_of(pipeline)):
        return {}
    return {f"preset {pipeline.preset.name}": str(pipeline.preset.version)}


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The distributions of ``now`` that had other versions before."""
    found = [
        f"{name} {before[name]}, here {now[name]}"
        for name in sorted(now)
        if before.get(name, now[name]) != now[name]
    ]
    return "; ".join(found)


def _name_of(preset: str) -> str:
    return preset.partition("@")[0]
