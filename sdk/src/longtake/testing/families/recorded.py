"""Every kind of state that was ever written is still read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import longtake as lt
from longtake.testing.families.facts import (
    changed_fields,
    changed_segment,
    fields_of,
    segment_of,
)
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.trying import TriedFamily

__all__ = ["RecordedContract"]

_ADVICE = "run pytest with --record-states and commit the file"


class RecordedContract(FamilyFixtures):
    """States that earlier releases of the family wrote, kept beside its test.

    A state is a file ``KIND-vVERSION.json``, VERSION being its ``schema_version``, with anything
    between that and the ending, as `longtake.ContinuationState.to_json` writes it, with its big
    parts inline. Beside it, with the ending ``.facts``, lies what it meant when it was recorded.
    """

    def test_the_current_state_is_recorded(
        self, tried: TriedFamily, states_folder: Path, pytestconfig: pytest.Config
    ) -> None:
        file = states_folder / f"{_name_of(_current(tried))}.json"
        if pytestconfig.getoption("--record-states") and not _recorded(file):
            states_folder.mkdir(parents=True, exist_ok=True)
            file.write_text(_current(tried).to_json(indent=1) + "\n", encoding="utf-8")
        if pytestconfig.getoption("--record-states"):
            _record_missing_facts(tried, states_folder)
        assert _recorded(file), f"no state of this kind is recorded in {file}: {_ADVICE}"

    def test_every_recorded_state_is_read_and_continued(
        self, tried: TriedFamily, states_folder: Path
    ) -> None:
        tried.codec  # noqa: B018  # skips a family without states
        files = _states_in(states_folder)
        if not files:
            pytest.skip(f"there is no state in {states_folder}: {_ADVICE}")
        for file in files:
            state = lt.ContinuationState.from_json(file.read_bytes())
            assert file.stem.startswith(_name_of(state)), f"{file}: it is {_name_of(state)}"
            codec = tried.family.codec(state.kind)
            assert codec is not None, f"{file}: the family no longer reads states of {state.kind}"
            codec.decode(state)
            result = tried.pipeline.generate(tried.continuing(state))
            assert len(result.frames) or result.audio is not None, f"{file}: nothing follows"

    def test_a_recorded_state_means_what_it_meant(
        self, tried: TriedFamily, states_folder: Path
    ) -> None:
        tried.codec  # noqa: B018  # skips a family without states
        files = [file for file in _states_in(states_folder) if _facts_of(file).exists()]
        if not files:
            pytest.skip(f"no state in {states_folder} has facts beside it: {_ADVICE}")
        for file in files:
            facts = json.loads(_facts_of(file).read_text(encoding="utf-8"))
            state = lt.ContinuationState.from_json(file.read_bytes())
            codec = tried.family.codec(state.kind)
            if codec is None:
                continue  # which another test says
            lost = changed_fields(facts["fields"], codec.decode(state))
            assert not lost, f"{file}: {', '.join(lost)} is not what was recorded"
            if "segment" in facts:
                tried.needs_same("first_again", "second_again")
                after = tried.pipeline.generate(tried.continuing(state))
                different = changed_segment(facts["segment"], after)
                assert not different, f"{file}: the segment after it is another one: {different}"


def _states_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def _facts_of(file: Path) -> Path:
    return file.with_suffix(".facts")


def _record_missing_facts(tried: TriedFamily, folder: Path) -> None:
    """Of every recorded state that has none; what is recorded stays."""
    for file in _states_in(folder):
        state = lt.ContinuationState.from_json(file.read_bytes())
        codec = tried.family.codec(state.kind)
        if codec is None or _facts_of(file).exists():
            continue
        facts = {
            "fields": fields_of(codec.decode(state)),
            "segment": segment_of(tried.pipeline.generate(tried.continuing(state))),
        }
        _facts_of(file).write_text(json.dumps(facts) + "\n", encoding="utf-8")


def _current(tried: TriedFamily) -> lt.ContinuationState:
    codec = tried.codec
    state = tried.second.state
    assert state is not None, f"the family has the codec {codec.kind!r}, but gave no state"
    return state


def _name_of(state: lt.ContinuationState) -> str:
    return f"{state.kind}-v{state.payload.get('schema_version')}"


def _recorded(file: Path) -> bool:
    return file.exists() or any(file.parent.glob(f"{file.stem}-*.json"))
