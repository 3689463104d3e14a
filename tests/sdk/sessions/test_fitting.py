"""A session that comes back to a newer build: refused with what to do, or accepted and recorded."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from tests.sdk.sessions.exported import Made, made
from tests.sdk.sessions.rooms import asked
from tests.sdk.toy_family import FOG

NEWER = FOG.evolve(presets=(lt.Preset("thin", version=2), lt.Preset("thick")))


def roll(one: Made, family: lt.ModelFamily = NEWER, **how: Any) -> lt.RolledSegment:
    preset = family.preset(how.pop("preset", None))
    with lt.Pipeline(family, preset=preset) as pipeline:
        return lt.roll(
            one.sessions, "take", asked("mist"), pipeline=pipeline, blobs=one.blobs, **how
        )


def test_another_version_of_the_preset_is_refused_with_what_to_do() -> None:
    one = made()
    with pytest.raises(lt.ValidationError) as refused:
        roll(one)
    assert refused.value.path == "session.preset"
    assert str(refused.value) == (
        "session.preset: is 'thin@1', and this is 'thin@2': use the release that has 'thin@1', or "
        "go on with 'thin@2' on purpose with accept_versions=True (--accept-versions)"
    )
    one.commit()
    made_by = rf"\(its last segment was made by longtake 1\.0, here {lt.__version__}\)"
    with pytest.raises(lt.ValidationError, match=f"has 'thin@1' {made_by}, or go on"):
        roll(one)
    assert one.sessions.read("take").num_segments == 1


def test_a_version_that_is_accepted_is_recorded_each_time() -> None:
    one = made()
    one.commit()
    for _ in range(2):
        rolled = roll(one, accept_versions=True)
        assert rolled.is_new
        assert rolled.segment.versions["preset thin"] == "2"
        with pytest.raises(lt.ValidationError, match="on purpose"):
            roll(one)
    assert one.sessions.read("take").preset == "thin@1"
    old = roll(one, FOG)
    assert "preset thin" not in old.segment.versions
    assert "preset thin" not in roll(one, FOG, accept_versions=True).segment.versions
    assert one.sessions.read("take").num_segments == 5


@pytest.mark.parametrize("accept_versions", [False, True])
def test_another_preset_or_family_is_refused_whatever_is_accepted(accept_versions: bool) -> None:
    for family, preset, path in (
        (NEWER, "thick", "session.preset"),
        (NEWER.evolve(name="rain"), None, "session.family"),
    ):
        with pytest.raises(lt.ValidationError) as refused:
            roll(made(), family, preset=preset, accept_versions=accept_versions)
        assert refused.value.path == path


def test_what_another_version_committed_is_not_taken_for_the_same_step() -> None:
    one = made()
    committed = roll(one, FOG, expected_revision=0)
    assert roll(one, FOG, expected_revision=0).segment == committed.segment
    with pytest.raises(lt.Conflict):
        roll(one, expected_revision=0, accept_versions=True)
    again = roll(one, expected_revision=1, accept_versions=True)
    same = roll(one, expected_revision=1, accept_versions=True)
    assert (again.is_new, same.is_new, same.segment) == (True, False, again.segment)
