"""What is wrong with an extension of another plugin's family is named by ``longtake doctor``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from longtake.testing import FakeDistributions
from longtake.testing.distributions import Finished

OWNER = """
import longtake as lt

def paint(job: lt.Job) -> lt.Frames:
    raise NotImplementedError

@lt.hookimpl
def longtake_families():
    return [lt.ModelFamily("fog", (lt.StageSpec("paint", paint),), presets=(lt.Preset("thin"),))]
"""

EXTENDING = """
import longtake as lt

def mark(frames: lt.Frames) -> lt.Frames:
    raise NotImplementedError

def lost(number: int) -> lt.Frames:
    raise NotImplementedError

@lt.hookimpl
def longtake_extensions():
    edit = lt.RecipeEdit.after("paint", lt.StageSpec("mark", mark))
    preset = lt.Preset("NAME_marked", base="thin", edits=(edit,))
    return [lt.Extension("fog", presets=(preset,), requires=">=0.1")]

@lt.hookimpl
def longtake_commands():
    return [lt.Command("NAME", "click:command", help="Mark.")]
"""

BROKEN = {
    "anchor": (('after("paint"', 'after("glue"'), "no stage 'glue' to put a stage after"),
    "producer": (('("mark", mark)', '("mark", lost)'), "stage 'mark' needs a int"),
    "module": (('("mark", mark)', '("mark", "no_where:mark")'), "No module named 'no_where'"),
    "base": (('base="thin"', 'base="thick"'), "base: family 'fog' has no preset 'thick'"),
    "requires": ((">=0.1", ">=7"), "needs weather >=7, and 0.1 is there"),
    "family": (('Extension("fog"', 'Extension("mist"'), "extends the family 'mist', which is not"),
    "taken": (('"NAME_marked"', '"thin"'), "preset 'thin' of .* is one of family 'fog' itself"),
    "command": (('"NAME", "click', '"well", "click'), "the command 'well' is provided by"),
}


def add(installed: FakeDistributions, name: str, change: tuple[str, str] = ("", "")) -> None:
    assert change[0] in EXTENDING
    installed.add(name, EXTENDING.replace(*change).replace("NAME", name))
    metadata = installed.folder / f"{name}-0.1.dist-info" / "METADATA"
    metadata.write_text(f"{metadata.read_text()}Requires-Dist: weather\n")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder: Path = tmp_path_factory.mktemp("installed")
    installed = FakeDistributions(folder)
    installed.add("weather", OWNER)
    add(installed, "well")
    for name, (change, _) in BROKEN.items():
        add(installed, f"bad{name}", change)
    names = ("weather", "well", *(f"bad{name}" for name in BROKEN))
    command = ("-m", "longtake", "doctor", "--timeout", "5")
    return installed.python(*command, LONGTAKE_PLUGINS=",".join(names), COLUMNS="100")


def section(report: Finished, name: str) -> str:
    found = [each for each in report.out.split("\n\n") if each.startswith(f"{name}:main\n")]
    assert len(found) == 1, report.out
    return " ".join(found[0].split())


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_of_an_extension_is_named(report: Finished, name: str) -> None:
    assert re.search(BROKEN[name][1], section(report, f"bad{name}"))


def test_the_family_is_not_blamed(report: Finished) -> None:
    assert section(report, "weather") == "weather:main provides family:fog, preset:thin"


def test_an_extension_that_is_well_is_told_so(report: Finished) -> None:
    [row] = [line for line in report.out.splitlines() if line.startswith("well:main ")]
    assert row.endswith("name clash")  # with the one that has its command, too
    assert "extension:fog, preset:well_marked" in section(report, "well")
    clashing = 1
    assert f"{len(BROKEN) + clashing} with errors" in report.out.splitlines()[-1]
