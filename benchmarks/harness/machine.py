"""Where and with what a part was measured: hardware, load and versions."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from attrs import frozen

PACKAGES = ("longtake", "longtake-ltx2", "torch", "diffusers", "transformers", "numpy", "av")
"""Whose versions matter to a figure."""


@frozen
class Machine:
    """What a figure depends on beside the code.

    Args:
        processor: Its model, as the system names it.
        cores: That this process may use.
        load: Of the system over the minute before, in cores that compute.
        memory: In GiB.
        system: The operating system with its release.
        python: The interpreter's version.
        packages: Versions of `PACKAGES` that are installed.
        day: Of the measurement, in UTC: YYYY-MM-DD.
    """

    processor: str
    cores: int
    load: float
    memory: float
    system: str
    python: str
    packages: dict[str, str]
    day: str

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {found}" for name, found in self.packages.items())
        return (
            f"{self.day}, {self.processor}, {self.cores} cores (load {self.load:.1f}), "
            f"{self.memory:.0f} GiB, {self.system}; Python {self.python}, {versions}"
        )


def this_machine() -> Machine:
    """As it is now."""
    return Machine(
        processor(),
        len(os.sched_getaffinity(0)),
        round(os.getloadavg()[0], 2),
        round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        f"{platform.system()} {platform.machine()}",
        platform.python_version(),
        dict(_versions()),
        datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def processor() -> str:
    """Its model, or the architecture where the system tells no model."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _versions() -> list[tuple[str, str]]:
    found = []
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:  # a part that needs none of it can be measured without
            continue
    return found
