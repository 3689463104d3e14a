"""How long ``longtake families`` takes with 20 plugins, beside a bare Python, in one run.

``python benchmarks/startup.py``. The budget is ten bare starts. The two commands run in turns and
each pair gives one ratio, so that a machine that is busy for a while slows both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

NUM_PLUGINS = 20
NUM_PAIRS = 15
BUDGET = 10.0

PLUGIN = """\
import longtake as lt


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    presets = tuple(lt.Preset(f"NAME_{size}") for size in ("small", "medium", "large"))
    return [lt.ModelFamily("NAME", ("longtake_NAME.stages:Draw",), presets=presets)]
"""


def install(folder: Path, index: int) -> None:
    """Put one plugin into ``folder`` in the form in which pip leaves it."""
    name, module = f"fake{index}", f"longtake_fake{index}"
    package = folder / module
    package.mkdir()
    (package / "__init__.py").write_text(PLUGIN.replace("NAME", name))
    info = folder / f"{module}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: longtake-{name}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[longtake]\n{name} = {module}\n")


def seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Wall time of one run of ``command``, which must succeed."""
    start = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def listing_command() -> tuple[str, ...]:
    """The installed command, or the module where there is no such file."""
    script = Path(sys.executable).with_name("longtake")
    start = (str(script),) if script.exists() else (sys.executable, "-m", "longtake")
    return (*start, "families")


def measure(folder: Path) -> tuple[list[float], list[float]]:
    """Times of the bare interpreter and of the listing, pair by pair."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its byte code
    bare, listing = (sys.executable, "-c", "pass"), listing_command()
    for command in (bare, listing, listing):  # byte code is written, files are in the cache
        seconds(command, environment)
    pairs = [(seconds(bare, environment), seconds(listing, environment)) for _ in range(NUM_PAIRS)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(NUM_PLUGINS):
            install(folder, index)
        bare, listing = measure(folder)
    ratios = sorted(after / before for before, after in zip(bare, listing, strict=True))
    print(f"{'command':<36}{'median ms':>10}{'fastest':>10}")
    for label, times in (
        ("python -c pass", bare),
        (f"longtake families, {NUM_PLUGINS} plugins", listing),
    ):
        print(f"{label:<36}{median(times) * 1000:>10.1f}{min(times) * 1000:>10.1f}")
    print(
        f"ratio of {NUM_PAIRS} pairs: median {median(ratios):.1f}, from {ratios[0]:.1f} to "
        f"{ratios[-1]:.1f}; budget {BUDGET:.0f}"
    )


if __name__ == "__main__":
    main()
