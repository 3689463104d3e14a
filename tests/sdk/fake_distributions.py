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

from attrs import frozen

FAMILY_PLUGIN = """
import longtake as lt

@lt.hookimpl
def longtake_families():
    presets = tuple(lt.Preset(f"NAME_{size}") for size in ("small", "medium", "large"))
    return [lt.ModelFamily("NAME", ("a_heavy_module:Draw",), presets=presets)]
"""


@frozen
class Finished:
    """A process that has ended."""

    code: int
    out: str
    err: str


@frozen
class FakeInstall:
    """Distributions in ``folder``, seen by the processes that it runs, before those ``beside``.

    A module leaves a file behind when it is imported, so that a test can tell whether it was.
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
        """Install ``name``, whose module has the code ``source``; None leaves the module out."""
        module = re.sub(r"[-.]+", "_", name).lower()
        if source is not None:
            code = f"open(__file__ + '.ran', 'w').close()\n{source}"
            (self.folder / f"{module}.py").write_text(code)
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{key} = {value}" for key, value in (entry_points or {"main": module}).items()]
        (info / "entry_points.txt").write_text("\n".join(["[longtake]", *lines, ""]))

    def add_family(self, name: str, *, family: str) -> None:
        """Install ``name``, which has one light family with three presets."""
        self.add(name, FAMILY_PLUGIN.replace("NAME", family))

    def was_imported(self, module: str) -> bool:
        return (self.folder / f"{module}.py.ran").exists()

    def python(self, *argv: str, **environment: str) -> Finished:
        """Run Python in a process that sees these distributions and the installed ones."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LONGTAKE_")}
        folders = [str(folder) for folder in (self.folder, *self.beside)]
        path = os.pathsep.join([*folders, *filter(None, [inherited.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, *argv],
            env={**inherited, "PYTHONPATH": path, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
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
        """The plugins by distribution and entry point."""
        records = self.listed("plugins", **environment)
        return {f"{each['distribution']}:{each['name']}": each for each in records}

    def families(self, **environment: str) -> set[str]:
        """The names of the families that can be used."""
        return {each["name"] for each in self.listed("families", **environment)}
