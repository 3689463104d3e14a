"""What a distribution requires, itself or with an extra, and is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.doctor.extras import extras_with, missing_extras, missing_requirements
from longtake.doctor.values import MissingExtra, MissingRequirement
from longtake.testing import FakeDistributions


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDistributions:
    """Distributions that this very process sees."""
    monkeypatch.syspath_prepend(tmp_path)
    return FakeDistributions(tmp_path)


def install(path: FakeDistributions, *headers: str) -> None:
    """``longtake-fog`` with these lines in its metadata."""
    path.add("longtake-fog", None)
    metadata = path.folder / "longtake_fog-0.1.dist-info" / "METADATA"
    metadata.write_text("\n".join([metadata.read_text().strip(), *headers, ""]))


def test_what_is_not_installed_is_named_with_its_bounds(path: FakeDistributions) -> None:
    path.add("droplets", None, version="1.5")
    install(
        path,
        "Provides-Extra: wet",
        "Provides-Extra: dry",
        "Requires-Dist: a-package-that-nobody-has>=2; extra == 'wet'",
        "Requires-Dist: droplets>=1; extra == 'wet'",
        "Requires-Dist: droplets<1.5; extra == 'dry'",
    )
    assert missing_extras("longtake-fog") == (
        MissingExtra("wet", ("a-package-that-nobody-has>=2",)),
        MissingExtra("dry", ("droplets<1.5",)),
    )


def test_what_is_installed_or_not_of_an_extra_is_not_named(path: FakeDistributions) -> None:
    path.add("droplets", None, version="1.5rc1")
    install(
        path,
        "Provides-Extra: wet",
        "Requires-Dist: a-package-that-nobody-has",
        "Requires-Dist: another-that-nobody-has; python_version >= '3'",
        "Requires-Dist: Droplets>=1; extra == 'wet'",
        "Requires-Dist: another; extra == 'wet' and python_version < '3'",
        "Requires-Dist: this is no requirement; extra == 'wet'",
    )
    assert missing_extras("longtake-fog") == ()


def test_an_extra_may_be_made_of_others(path: FakeDistributions) -> None:
    install(
        path,
        "Provides-Extra: all",
        "Provides-Extra: wet",
        "Requires-Dist: longtake-fog[wet,all]; extra == 'all'",
        "Requires-Dist: a-package-that-nobody-has; extra == 'wet'",
    )
    missing = ("a-package-that-nobody-has",)
    assert missing_extras("longtake-fog") == (
        MissingExtra("all", missing),
        MissingExtra("wet", missing),
    )


def test_what_is_damaged_is_not_installed(path: FakeDistributions) -> None:
    path.add("droplets", None, version="1.5")
    (path.folder / "droplets-1.5.dist-info" / "METADATA").write_bytes(b"\xff\xfe")
    install(path, "Provides-Extra: wet", "Requires-Dist: droplets>=1; extra == 'wet'")
    assert missing_extras("longtake-fog") == (MissingExtra("wet", ("droplets>=1",)),)


def test_a_distribution_that_is_not_there_has_none() -> None:
    assert missing_extras("unknown") == ()
    assert missing_requirements("unknown") == ()


def test_what_is_required_without_an_extra_is_named_with_what_is_there(
    path: FakeDistributions,
) -> None:
    path.add("droplets", None, version="1.5")
    install(
        path,
        "Provides-Extra: wet",
        "Requires-Dist: a-package-that-nobody-has>=2",
        "Requires-Dist: another-that-nobody-has; python_version < '3'",
        "Requires-Dist: a-third-that-nobody-has; extra == 'wet'",
        "Requires-Dist: Droplets<1.5",
        "Requires-Dist: droplets>=1",
        "Requires-Dist: this is no requirement",
    )
    assert missing_requirements("longtake-fog") == (
        MissingRequirement("a-package-that-nobody-has>=2"),
        MissingRequirement("Droplets<1.5", "1.5"),
    )


def test_a_release_before_the_final_one_will_do(path: FakeDistributions) -> None:
    path.add("droplets", None, version="1.5rc1")
    install(path, "Requires-Dist: droplets>=1")
    assert missing_requirements("longtake-fog") == ()


@pytest.mark.parametrize(
    ("package", "extras"),
    [
        ("ice.crystals", ["wet", "all"]),
        ("ice_crystals", ["wet", "all"]),
        ("mud", []),
        ("b", ["all"]),
    ],
)
def test_an_extra_is_found_by_what_it_brings(package: str, extras: list[str]) -> None:
    missing = [
        MissingExtra("wet", ("Ice-Crystals>=2",)),
        MissingExtra("all", ("ice-crystals", "b")),
    ]
    assert extras_with(package, missing) == extras
