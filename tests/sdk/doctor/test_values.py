"""When a plugin is well, and when everything is."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import asdict

from longtake.doctor.values import (
    Diagnosis,
    Examination,
    Message,
    MissingExtra,
    MissingRequirement,
    Problem,
    StoreTrial,
)
from longtake.schema.wire import structure

WELL: dict[str, Any] = {"name": "fog", "distribution": "longtake-fog", "version": "1"}


def trial(outcome: Any) -> StoreTrial:
    return StoreTrial("shelf", "shelf:", outcome)


@pytest.mark.parametrize(
    ("changes", "is_well"),
    [
        ({}, True),
        ({"status": "blocked"}, True),
        ({"missing_extras": (MissingExtra("gpu", ("torch",)),)}, True),
        ({"stores": (trial("unavailable"),)}, True),
        ({"awaiting_extras": ("family 'fog': load",)}, True),
        ({"status": "failed"}, False),
        ({"missing_requirements": (MissingRequirement("droplets"),)}, False),
        ({"clashes": ("family:fog",)}, False),
    ],
)
def test_a_plugin_is_well_unless_it_failed_or_clashes(
    changes: dict[str, Any], is_well: bool
) -> None:
    examined = Examination(**{**WELL, "status": "loaded", **changes})
    assert examined.is_well is is_well
    assert Diagnosis((examined,)).is_well is is_well


@pytest.mark.parametrize("outcome", ["unavailable", "failed", "no answer", "crashed", "not tried"])
def test_the_users_own_stores_have_to_work(outcome: Any) -> None:
    assert Diagnosis((), (trial("ok"),)).is_well
    assert not Diagnosis((), (trial("ok"), trial(outcome))).is_well


def test_a_message_survives_the_way_between_processes() -> None:
    for message in (
        Message(tried=trial("ok")),
        Message(entering="targets", at="family 'fog': load"),
        Message(problem=Problem("targets", "family 'fog': load", lacks="droplets")),
    ):
        assert structure(asdict(message), Message) == message
