"""Which entry points there are, also where what is installed is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

import longtake as lt
from longtake.plugins.installed import Installed, installed_plugins
from longtake.plugins.metadata import MetadataFolder
from longtake.testing import FakeDistributions


def test_distribution_found_twice_on_the_path_counts_once(installed: FakeDistributions) -> None:
    installed.add_family("longtake-fog", family="fog")
    again = FakeDistributions(installed.folder / "again")
    again.folder.mkdir()
    again.add("Longtake_Fog", "raise AssertionError('the first one on the path is imported')")
    both = FakeDistributions(installed.folder, beside=(again.folder,))
    assert [name for name in both.plugins() if "fog" in name.lower()] == ["longtake-fog:main"]
    assert "fog" in both.families()


def test_same_entry_point_written_twice_counts_once(installed: FakeDistributions) -> None:
    installed.add_family("longtake-fog", family="fog")
    points = installed.folder / "longtake_fog-0.1.dist-info" / "entry_points.txt"
    points.write_text("[longtake]\nmain = longtake_fog\nmain = longtake_fog\n")
    assert installed.plugins()["longtake-fog:main"]["error"] is None


def test_distribution_without_metadata_costs_only_itself(installed: FakeDistributions) -> None:
    installed.add_family("longtake-fog", family="fog")
    installed.add("damaged", "raise AssertionError('nobody knows whose code this is')")
    (installed.folder / "damaged-0.1.dist-info" / "METADATA").unlink()
    plugins = installed.plugins()
    assert plugins["longtake-fog:main"]["status"] == "loaded"
    assert plugins["unknown:main"]["status"] == "failed"
    assert plugins["unknown:main"]["phase"] == "metadata"
    assert "the metadata of the distribution" in plugins["unknown:main"]["error"]
    assert not installed.was_imported("damaged")


def test_damaged_list_of_entry_points_hides_nobody_else(installed: FakeDistributions) -> None:
    installed.add_family("longtake-fog", family="fog")
    installed.add("damaged", None)
    points = installed.folder / "damaged-0.1.dist-info" / "entry_points.txt"
    points.write_text("[longtake]\nthis is no entry point\n")
    plugins = installed.plugins()
    assert plugins["longtake-fog:main"]["status"] == "loaded"
    damaged = plugins["damaged:unknown"]
    assert (damaged["status"], damaged["phase"], damaged["version"]) == (
        "failed",
        "metadata",
        "0.1",
    )
    assert "entry_points.txt cannot be read" in damaged["error"]


def test_entry_point_that_names_nothing_is_a_row_of_its_own(installed: FakeDistributions) -> None:
    installed.add("fog", "", entry_points={"main": "this is no module", "other": "fog"})
    record = installed.plugins()["fog:main"]
    assert (record["status"], record["phase"]) == ("failed", "metadata")
    assert "'this is no module' is not of the form 'module:attribute'" in record["error"]
    assert installed.plugins()["fog:other"]["status"] == "loaded"


def test_damaged_list_of_somebody_who_is_no_plugin_is_nobodys_affair(
    path: FakeDistributions,
) -> None:
    path.add("fog-script", None)
    points = path.folder / "fog_script-0.1.dist-info" / "entry_points.txt"
    points.write_text("[console_scripts]\nthis is no entry point\n")
    assert found("fog-script") == []


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDistributions:
    """Distributions that this very process sees."""
    monkeypatch.syspath_prepend(tmp_path)
    return FakeDistributions(tmp_path)


def found(name: str) -> list[Installed]:
    return [each for each in installed_plugins() if each.distribution == name]


def test_an_entry_point_is_found_with_its_distribution(path: FakeDistributions) -> None:
    path.add("Fog.Machine", "DENSITY = 3", version="2.1")
    (plugin,) = found("Fog.Machine")
    assert (plugin.name, plugin.version) == ("main", "2.1")


def test_nothing_of_a_plugin_runs_before_it_is_loaded(path: FakeDistributions) -> None:
    path.add("fog-unloaded", "DENSITY = 3", entry_points={"main": "fog_unloaded:DENSITY"})
    (plugin,) = found("fog-unloaded")
    assert not path.was_imported("fog_unloaded")
    assert plugin.load() == 3
    assert path.was_imported("fog_unloaded")


def test_they_come_by_distribution_and_name(path: FakeDistributions) -> None:
    path.add("fog-b", None)
    path.add("fog-a", None, entry_points={"thin": "fog_a:thin", "thick": "fog_a:thick"})
    names = [(each.distribution, each.name) for each in installed_plugins()]
    ours = [pair for pair in names if pair[0].startswith("fog-")]
    assert ours == [("fog-a", "thick"), ("fog-a", "thin"), ("fog-b", "main")]
    assert names == sorted(names)


def test_entry_points_of_other_groups_are_nobodys_plugins(path: FakeDistributions) -> None:
    path.add("fog-script", None)
    points = path.folder / "fog_script-0.1.dist-info" / "entry_points.txt"
    points.write_text("[console_scripts]\nmain = fog_script\n")
    assert found("fog-script") == []


def test_damaged_metadata_is_an_error_only_when_the_plugin_is_loaded(
    path: FakeDistributions,
) -> None:
    path.add("fog-damaged", None)
    (path.folder / "fog_damaged-0.1.dist-info" / "METADATA").write_text("Version: 0.1\n")
    (plugin,) = found("unknown")
    with pytest.raises(lt.PluginError, match=r"'fog_damaged'.*no name or no version.*install it"):
        plugin.load()


def test_the_first_on_the_path_counts_also_beside_a_damaged_list(
    path: FakeDistributions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.add("fog-twice", None, version="1.0")
    first = tmp_path / "first"
    first.mkdir()
    monkeypatch.syspath_prepend(first)
    FakeDistributions(first).add("fog-twice", None, version="2.0")
    path.add("fog-damaged", None)
    points = path.folder / "fog_damaged-0.1.dist-info" / "entry_points.txt"
    points.write_text("[longtake]\nthis is no entry point\n")
    assert [plugin.version for plugin in found("fog-twice")] == ["2.0"]


def test_a_newer_version_that_is_no_plugin_any_more_hides_the_older_one(
    path: FakeDistributions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.add("fog-former", None, version="1.0")
    assert len(found("fog-former")) == 1
    first = tmp_path / "first"
    first.mkdir()
    monkeypatch.syspath_prepend(first)
    FakeDistributions(first).add("Fog_Former", None, version="2.0")
    (first / "fog_former-2.0.dist-info" / "entry_points.txt").unlink()
    assert found("fog-former") == []


def test_name_and_version_are_found_wherever_the_headers_are(path: FakeDistributions) -> None:
    path.add("fog-headers", None)
    (path.folder / "fog_headers-0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nSummary: fog\n  Name: not this\nversion: 3\nNAME: fog-headers\n"
        "\nName: nor this\n"
    )
    assert [plugin.version for plugin in found("fog-headers")] == ["3"]


def test_metadata_is_read_once_and_of_plugins_alone(
    path: FakeDistributions, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.add("fog-many", None, entry_points={name: f"fog_many:{name}" for name in "abc"})
    path.add("fog-script", None)
    points = path.folder / "fog_script-0.1.dist-info" / "entry_points.txt"
    points.write_text("[console_scripts]\nmain = fog_script\n")
    read: list[str] = []
    real = MetadataFolder.read_text

    def counting(self: MetadataFolder, filename: str) -> str | None:
        text = real(self, filename)
        if filename != "entry_points.txt" and text is not None:
            read.append(text.partition("Name: ")[2].partition("\n")[0])
        return text

    monkeypatch.setattr(MetadataFolder, "read_text", counting)
    plugins = installed_plugins()
    assert [each.name for each in plugins if each.distribution == "fog-many"] == ["a", "b", "c"]
    assert sorted(read) == sorted({each.distribution for each in plugins})
