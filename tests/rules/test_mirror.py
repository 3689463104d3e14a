"""The tests of the SDK lie where its modules do: one file per module, one folder per package."""

from __future__ import annotations

from tests.rules.sources import ROOT, SDK

TESTS = ROOT / "tests" / "sdk"

TESTED_ELSEWHERE = {
    "__init__": TESTS / "test_facade.py",
    "__main__": TESTS / "cli" / "test_command.py",
}
"""Modules whose tests have another name, and the file that has them."""

OF_NO_MODULE = {"test_facade.py"}
"""Test files named after no module."""


def modules() -> set[str]:
    """The top level of the SDK, without packages."""
    return {path.stem for path in SDK.glob("*.py")}


def packages() -> set[str]:
    return {path.parent.name for path in SDK.glob("*/__init__.py")}


def test_every_module_has_a_test_file_of_its_name() -> None:
    expected = {f"test_{name}.py" for name in modules() - TESTED_ELSEWHERE.keys()}
    assert sorted(expected - {path.name for path in TESTS.glob("test_*.py")}) == []


def test_every_test_file_is_named_after_a_module() -> None:
    expected = {f"test_{name}.py" for name in modules() - TESTED_ELSEWHERE.keys()} | OF_NO_MODULE
    assert sorted({path.name for path in TESTS.glob("test_*.py")} - expected) == []


def test_every_package_has_a_folder_with_tests() -> None:
    assert sorted(name for name in packages() if not any((TESTS / name).glob("test_*.py"))) == []


def test_the_exceptions_are_needed() -> None:
    assert TESTED_ELSEWHERE.keys() <= modules()
    assert all(path.is_file() for path in TESTED_ELSEWHERE.values())
    assert all((TESTS / name).is_file() for name in OF_NO_MODULE)


def test_the_modules_of_this_test_are_seen() -> None:
    """Guards the tests above: there is something to mirror."""
    assert {"pipeline", "registry", "hookspecs"} <= modules()
    assert {"blobs", "media", "cli"} <= packages()
