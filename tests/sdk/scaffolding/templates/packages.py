"""Templates, and packages made of them, as if they were installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from attrs import frozen

from longtake.plugins.registry import Registry
from longtake.scaffolding.package import Template, write_package
from longtake.testing import FakeDistributions, Finished
from tests.rules.sources import SDK

_TIMEOUT = 900
"""Seconds in which the tests of a package end on the slowest machine."""


BUT_BIG_VALUES = ("-k", "not test_big_values_are_refused_or_kept")
"""Options of pytest: all but the longest test of a codec.

For packages made of a template that `test_family` runs all tests of, which are of the same code.
"""


@frozen
class Package:
    """A package in ``folder``, seen by the processes that it runs in ``site``."""

    folder: Path
    site: Path

    def python(self, *argv: str, **environment: str) -> Finished:
        """Run Python where this package, and those in the same site, are all that is added."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("LONGTAKE_BLOCK", "LONGTAKE_PLUGINS"):
                patch.delenv(name, raising=False)
            sources = [self.site, *self.site.glob("*/src"), self.folder / "src"]
            patch.setenv("PYTHONPATH", os.pathsep.join(map(str, sources)), prepend=os.pathsep)
            patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
            for name, value in environment.items():
                patch.setenv(name, value)
            done = subprocess.run(
                [sys.executable, *argv],
                cwd=self.site,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        return Finished(done.returncode, done.stdout, done.stderr)

    def longtake(self, *argv: str, **environment: str) -> Finished:
        return self.python("-m", "longtake", *argv, **environment)

    def pytest(self, *argv: str) -> Finished:
        """Run the package's own tests."""
        common = ("-q", "-p", "no:cacheprovider", "--rootdir", str(self.folder))
        return self.python("-m", "pytest", *common, *argv, str(self.folder / "tests"))


def template_in_place(template: Template, site: Path) -> Package:
    """The template itself, not a copy of it."""
    folder = SDK / "scaffolding" / "templates" / template
    return _installed(folder, folder / "pyproject.toml.template", site)


def new_package(template: Template, name: str, site: Path) -> Package:
    """What ``longtake new`` writes."""
    folder = write_package(template, name, site, Registry([]))
    return _installed(folder, folder / "pyproject.toml", site)


def _installed(folder: Path, project_file: Path, site: Path) -> Package:
    project = tomllib.loads(project_file.read_text(encoding="utf-8"))["project"]
    FakeDistributions(site).add(
        project["name"],
        None,
        entry_points=project["entry-points"]["longtake"],
        version=project["version"],
    )
    return Package(folder, site)


def passed(done: Finished) -> int:
    """How many tests passed, none having failed."""
    last = (done.out.strip().splitlines() or [""])[-1]
    assert done.code == 0, f"{done.out[-6000:]}\n{done.err[-2000:]}"
    return int(last.split(" passed")[0].split()[-1])
