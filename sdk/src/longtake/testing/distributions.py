"""Installed distributions, as far as Python can tell: folders on the path of a new process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

__all__ = ["FakeDistributions", "Finished"]

_FAMILY_PLUGIN = """
import longtake as lt

@lt.hookimpl
def longtake_families():
    presets = tuple(lt.Preset(f"NAME_{size}") for size in ("small", "medium", "large"))
    return [lt.ModelFamily("NAME", ("MODULE_stages:Draw",), presets=presets)]
"""

_STAGES = """
import longtake as lt

class Draw:
    def __call__(self, job: lt.Job) -> lt.Frames:
        raise NotImplementedError("a fake draws nothing")
"""

_SETTINGS = ("LONGTAKE_BLOCK", "LONGTAKE_PLUGINS")
_TIMEOUT_SECONDS = 120


@frozen
class Finished:
    """A process that has ended: its exit status and what it wrote."""

    code: int
    out: str
    err: str


@frozen
class FakeDistributions:
    """Distributions in ``folder``, seen by the processes that `python` runs, before ``beside``.

    The fixture ``longtake_distributions`` gives one, empty, in a folder of the test's own::

        def test_a_clash_is_shown(longtake_distributions):
            longtake_distributions.add("other-fog", SOURCE_OF_A_PLUGIN)
            done = longtake_distributions.python("-m", "longtake", "plugins")
            assert "fog" in done.out

    Really installed distributions are there too. A module leaves a file behind when it is imported,
    so that `was_imported` can tell.
    """

    folder: Path
    beside: tuple[Path, ...] = ()

    def add(
        self,
        name: str,
        source: str | None,
        *,
        entry_points: Mapping[str, str] | None = None,
        version: str = "0.1",
    ) -> None:
        """Install the distribution ``name``, whose module has the code ``source``.

        The module is called like the distribution, with underscores; None leaves it out.
        ``entry_points``: ``{name: "module"}`` of the group ``longtake``, by default one for it.
        """
        module = _module_of(name)
        if source is not None:
            code = f"open(__file__ + '.ran', 'w').close()\n{source}"
            (self.folder / f"{module}.py").write_text(code)
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{key} = {value}" for key, value in (entry_points or {"main": module}).items()]
        (info / "entry_points.txt").write_text("\n".join(["[longtake]", *lines, ""]))

    def add_family(self, name: str, *, family: str) -> None:
        """Install ``name``, which has one light family with three presets and one stage."""
        module = _module_of(name)
        self.add(name, _FAMILY_PLUGIN.replace("NAME", family).replace("MODULE", module))
        (self.folder / f"{module}_stages.py").write_text(_STAGES)

    def was_imported(self, module: str) -> bool:
        """Whether a process imported the module of a distribution that was added."""
        return (self.folder / f"{module}.py.ran").exists()

    def python(self, *argv: str, **environment: str) -> Finished:
        """Run Python in a process that sees these distributions; ``environment``: set there."""
        path = [*(str(folder) for folder in (self.folder, *self.beside))]
        with pytest.MonkeyPatch.context() as patch:
            for name in _SETTINGS:
                patch.delenv(name, raising=False)
            patch.setenv("PYTHONPATH", os.pathsep.join(path), prepend=os.pathsep)
            for name, value in environment.items():
                patch.setenv(name, value)
            done = subprocess.run(
                [sys.executable, *argv],
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        return Finished(done.returncode, done.stdout, done.stderr)

    def listed(self, what: str, **environment: str) -> list[dict[str, Any]]:
        """What ``longtake families``, ``presets`` or ``plugins`` says, as JSON."""
        done = self.python("-m", "longtake", what, "--json", **environment)
        assert done.code == 0, done.err
        records: list[dict[str, Any]] = json.loads(done.out)
        return records

    def plugins(self, **environment: str) -> dict[str, dict[str, Any]]:
        """The plugins by ``distribution:entry point``."""
        records = self.listed("plugins", **environment)
        return {f"{each['distribution']}:{each['name']}": each for each in records}

    def families(self, **environment: str) -> set[str]:
        """The names of the families that can be used."""
        return {each["name"] for each in self.listed("families", **environment)}


def _module_of(distribution: str) -> str:
    return re.sub(r"[-.]+", "_", distribution).lower()
