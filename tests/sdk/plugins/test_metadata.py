"""What is installed is found as `importlib.metadata` finds it, and by it where no folder is."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, DistributionFinder, EntryPoints, distributions
from pathlib import Path

import pytest

from longtake.plugins.installed import Installed, installed_plugins
from longtake.plugins.metadata import MetadataFolder, entry_points_in, find_metadata
from longtake.testing import FakeDistributions


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDistributions:
    """Distributions that this very process sees."""
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return FakeDistributions(folder)


def found(name: str) -> list[Installed]:
    return [each for each in installed_plugins() if each.distribution == name]


def test_all_that_python_knows_of_is_found_in_its_order(path: FakeDistributions) -> None:
    path.add("fog-b", None)
    path.add("Fog.A", None)
    (path.folder / "old.egg-info").mkdir()
    (path.folder / "older-1.0-py3.egg-info").write_text("Name: older\n")
    (path.folder / "no_distribution.txt").write_text("")
    known = [str(each.locate_file("x")) for each in distributions()]
    ours = [each for _, each in find_metadata()]
    assert all(isinstance(each, MetadataFolder) for each in ours)
    assert [str(Path(each.path).parent / "x") for each in ours] == known  # type: ignore[attr-defined]
    assert [e.read_text("METADATA") for e in ours] == [
        each.read_text("METADATA") for each in distributions()
    ]
    names = [name for name, _ in find_metadata()]
    assert {"fog-b", "fog-a", "old", "older", "longtake"} <= set(names)


LISTS = [
    "",
    "[longtake]\nmain = fog\n",
    "# said\n\n[console_scripts]\nfog = fog:main\n[longtake]\n a=fog:make [gpu] \nb = fog.x : y\n",
    "[longtake]\na = b = c\n[other]\nd = e\n[longtake]\nf = g\n",
]


@pytest.mark.parametrize("text", LISTS)
def test_a_list_of_entry_points_is_read_as_python_reads_it(text: str) -> None:
    theirs = EntryPoints._from_text(text)  # type: ignore[attr-defined]  # what Python itself calls
    expected = [(each.name, each.value) for each in theirs if each.group == "longtake"]
    assert list(entry_points_in(text, "longtake")) == expected


def test_a_line_that_is_no_entry_point_is_an_error() -> None:
    with pytest.raises(ValueError, match="'this is none' is not of the form name = value"):
        list(entry_points_in("[longtake]\nthis is none\n", "longtake"))


@pytest.mark.parametrize("value", ["fog_here:sky.shade", "fog_here : sky.shade [gpu,cpu]"])
def test_an_attribute_of_an_attribute_is_loaded(path: FakeDistributions, value: str) -> None:
    path.add("fog-here", "class sky:\n    shade = 3\n", entry_points={"main": value})
    (plugin,) = found("fog-here")
    assert plugin.load() == 3


def test_plugins_in_a_zip_file_are_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("fog_packed.py", "DENSITY = 4")
        info = "fog_packed-2.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: fog-packed\nVersion: 2\n"
        )
        archive.writestr(f"{info}/entry_points.txt", "[longtake]\nmain = fog_packed:DENSITY\n")
    before = installed_plugins()
    monkeypatch.syspath_prepend(packed)
    (plugin,) = found("fog-packed")
    assert (plugin.version, plugin.load()) == ("2", 4)
    assert {*before} < {*installed_plugins()}


class Elsewhere(DistributionFinder):
    """Finds one distribution that lies nowhere on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(self, *_: object) -> None:
        return None

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterator[Distribution]:
        yield Distribution.at(self.folder)


def test_finders_of_other_packages_are_asked(
    path: FakeDistributions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeDistributions(tmp_path).add("fog-elsewhere", None)
    assert found("fog-elsewhere") == []
    finder = Elsewhere(tmp_path / "fog_elsewhere-0.1.dist-info")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    assert [plugin.name for plugin in found("fog-elsewhere")] == ["main"]


def test_a_text_that_is_not_there_or_may_not_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "bad").write_bytes(b"\xff")
    folder = MetadataFolder(str(tmp_path))
    assert folder.read_text("METADATA") is None
    assert folder.read_text("folder") is None
    assert MetadataFolder(str(tmp_path / "bad")).read_text("METADATA") is None
    with pytest.raises(UnicodeDecodeError):
        folder.read_text("bad")


def test_looking_for_plugins_does_not_import_what_it_does_without(path: FakeDistributions) -> None:
    path.add("fog-light", None)
    code = (
        "import sys; from longtake.plugins.installed import installed_plugins; installed_plugins();"
        "print(sorted({'importlib.metadata', 'email', 'zipfile', 'socket'} & set(sys.modules)))"
    )
    assert path.python("-c", code).out == "[]\n"
