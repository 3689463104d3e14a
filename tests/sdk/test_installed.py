"""Which entry points there are, also where what is installed is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

import longtake as lt
from longtake.installed import Installed, installed_plugins
from tests.sdk.fake_distributions import FakeInstall


def test_distribution_found_twice_on_the_path_counts_once(installed: FakeInstall) -> None:
    installed.add_family("longtake-fog", family="fog")
    again = FakeInstall(installed.folder / "again")
    again.folder.mkdir()
    again.add("Longtake_Fog", "raise AssertionError('the first one on the path is imported')")
    both = FakeInstall(installed.folder, beside=(again.folder,))
    assert [name for name in both.plugins() if "fog" in name.lower()] == ["longtake-fog:main"]
    assert "fog" in both.families()


def test_same_entry_point_written_twice_counts_once(installed: FakeInstall) -> None:
    installed.add_family("longtake-fog", family="fog")
    points = installed.folder / "longtake_fog-0.1.dist-info" / "entry_points.txt"
    points.write_text("[longtake]\nmain = longtake_fog\nmain = longtake_fog\n")
    assert installed.plugins()["longtake-fog:main"]["error"] is None


def test_distribution_without_metadata_costs_only_itself(installed: FakeInstall) -> None:
    installed.add_family("longtake-fog", family="fog")
    installed.add("damaged", "raise AssertionError('nobody knows whose code this is')")
    (installed.folder / "damaged-0.1.dist-info" / "METADATA").unlink()
    plugins = installed.plugins()
    assert plugins["longtake-fog:main"]["status"] == "loaded"
    assert plugins["unknown:main"]["status"] == "failed"
    assert "the metadata of the distribution" in plugins["unknown:main"]["error"]
    assert not installed.was_imported("damaged")


def test_damaged_list_of_entry_points_hides_nobody_else(installed: FakeInstall) -> None:
    installed.add_family("longtake-fog", family="fog")
    installed.add("damaged", None)
    points = installed.folder / "damaged-0.1.dist-info" / "entry_points.txt"
    points.write_text("[longtake]\nthis is no entry point\n")
    assert installed.plugins()["longtake-fog:main"]["status"] == "loaded"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeInstall:
    """Distributions that this very process sees."""
    monkeypatch.syspath_prepend(tmp_path)
    return FakeInstall(tmp_path)


def found(name: str) -> list[Installed]:
    return [each for each in installed_plugins() if each.distribution == name]


def test_an_entry_point_is_found_with_its_distribution(path: FakeInstall) -> None:
    path.add("Fog.Machine", "DENSITY = 3", version="2.1")
    (plugin,) = found("Fog.Machine")
    assert (plugin.name, plugin.version) == ("main", "2.1")


def test_nothing_of_a_plugin_runs_before_it_is_loaded(path: FakeInstall) -> None:
    path.add("fog-unloaded", "DENSITY = 3", entry_points={"main": "fog_unloaded:DENSITY"})
    (plugin,) = found("fog-unloaded")
    assert not path.was_imported("fog_unloaded")
    assert plugin.load() == 3
    assert path.was_imported("fog_unloaded")


def test_they_come_by_distribution_and_name(path: FakeInstall) -> None:
    path.add("fog-b", None)
    path.add("fog-a", None, entry_points={"thin": "fog_a:thin", "thick": "fog_a:thick"})
    names = [(each.distribution, each.name) for each in installed_plugins()]
    ours = [pair for pair in names if pair[0].startswith("fog-")]
    assert ours == [("fog-a", "thick"), ("fog-a", "thin"), ("fog-b", "main")]
    assert names == sorted(names)


def test_entry_points_of_other_groups_are_nobodys_plugins(path: FakeInstall) -> None:
    path.add("fog-script", None)
    points = path.folder / "fog_script-0.1.dist-info" / "entry_points.txt"
    points.write_text("[console_scripts]\nmain = fog_script\n")
    assert found("fog-script") == []


def test_damaged_metadata_is_an_error_only_when_the_plugin_is_loaded(path: FakeInstall) -> None:
    path.add("fog-damaged", None)
    (path.folder / "fog_damaged-0.1.dist-info" / "METADATA").write_text("Version: 0.1\n")
    (plugin,) = found("unknown")
    with pytest.raises(lt.PluginError, match=r"'fog_damaged'.*no name or no version.*install it"):
        plugin.load()


def test_the_first_on_the_path_counts_also_beside_a_damaged_list(
    path: FakeInstall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.add("fog-twice", None, version="1.0")
    first = tmp_path / "first"
    first.mkdir()
    monkeypatch.syspath_prepend(first)
    FakeInstall(first).add("fog-twice", None, version="2.0")
    path.add("fog-damaged", None)
    points = path.folder / "fog_damaged-0.1.dist-info" / "entry_points.txt"
    points.write_text("[longtake]\nthis is no entry point\n")
    assert [plugin.version for plugin in found("fog-twice")] == ["2.0"]
