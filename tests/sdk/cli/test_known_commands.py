"""What ``longtake --help`` remembers of plugins' commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.testing import FakeDistributions
from tests.sdk.cli.command_plugins import add, longtake

NUM_PLUGINS = 50


@pytest.fixture
def installed(tmp_path: Path) -> FakeDistributions:
    found = FakeDistributions(tmp_path / "installed")
    found.folder.mkdir()
    return found


def test_help_with_fifty_plugins_imports_none_of_them(installed: FakeDistributions) -> None:
    for index in range(NUM_PLUGINS):
        add(installed, f"say-{index}", distribution=f"longtake-say{index}")
    first = longtake(installed, "--help")
    assert not any(installed.was_imported(f"longtake_say{n}_command") for n in range(NUM_PLUGINS))
    imports = {file: file.stat().st_mtime_ns for file in installed.folder.glob("*.ran")}
    assert len(imports) == NUM_PLUGINS
    again = longtake(installed, "--help")
    assert again == first
    assert all(f"say-{n} " in again.out for n in range(NUM_PLUGINS))
    assert "Say say-49." in again.out
    assert imports == {file: file.stat().st_mtime_ns for file in imports}
    assert {*installed.folder.glob("*.ran")} == imports.keys()


def test_what_help_remembers_does_not_outlive_what_is_installed(
    installed: FakeDistributions,
) -> None:
    add(installed, "one", distribution="longtake-one")
    assert "Say one." in longtake(installed, "--help").out
    add(installed, "two", distribution="longtake-two")
    assert "Say two." in longtake(installed, "--help").out
    source = installed.folder / "longtake_two.py"
    source.write_text(source.read_text().replace("Say two.", "Say it twice."))
    shown = longtake(installed, "--help").out
    assert "Say it twice." in shown
    assert "Say two." not in shown


@pytest.mark.parametrize("content", [b"", b"[]", b'{"key": 1}', b"\xff", b"[" * 100])
def test_damaged_memory_is_none(installed: FakeDistributions, content: bytes) -> None:
    add(installed, "one", distribution="longtake-one")
    longtake(installed, "--help")
    [file] = (installed.folder.parent / "cache" / "longtake").iterdir()
    file.write_bytes(content)
    assert "Say one." in longtake(installed, "--help").out


def test_a_home_that_cannot_be_written_to_costs_nothing(installed: FakeDistributions) -> None:
    add(installed, "one", distribution="longtake-one")
    (installed.folder.parent / "cache").write_bytes(b"")
    done = longtake(installed, "--help")
    assert (done.code, done.err) == (0, "")
    assert "Say one." in done.out
