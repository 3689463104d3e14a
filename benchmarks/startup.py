"""How long listings take beside a bare Python: of 20 plugins, and of 50 with 5 broken.

``python benchmarks/startup.py``. The command and the bare start run in turns and each pair gives
one ratio, so that a machine that is busy for a while slows both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

NUM_PAIRS = 15

PLUGIN = """\
import longtake as lt


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    presets = tuple(lt.Preset(f"NAME_{size}") for size in ("small", "medium", "large"))
    return [lt.ModelFamily("NAME", ("longtake_NAME.stages:Draw",), presets=presets)]
"""

BROKEN = (
    "import a_package_that_nobody_has\n",
    "def longtake_families(:\n",
    'LONGTAKE_API = ">=7"\n' + PLUGIN,
    PLUGIN.replace("longtake_families()", "longtake_familys()"),
    PLUGIN.replace("return [", "raise RuntimeError  # ["),
)
"""An import error, a syntax error, another API version, a misspelt hook, one that raises."""


@dataclass(frozen=True)
class Listing:
    """One command to measure: so many plugins, the first of them broken, within ``budget`` starts.

    ``budget`` is in bare starts of Python.
    """

    command: str
    num_plugins: int
    num_broken: int
    budget: float

    @property
    def label(self) -> str:
        broken = f", {self.num_broken} broken" if self.num_broken else ""
        return f"longtake {self.command}, {self.num_plugins} plugins{broken}"


LISTINGS = (Listing("families", 20, 0, 7.0), Listing("plugins", 50, len(BROKEN), 12.0))


def install(folder: Path, index: int, source: str) -> None:
    """Put one plugin into ``folder`` in the form in which pip leaves it."""
    name, module = f"fake{index}", f"longtake_fake{index}"
    package = folder / module
    package.mkdir()
    (package / "__init__.py").write_text(source.replace("NAME", name))
    info = folder / f"{module}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: longtake-{name}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[longtake]\n{name} = {module}\n")


def seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Wall time of one run of ``command``, which must succeed."""
    start = time.perf_counter()
    subprocess.run(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def longtake(command: str) -> tuple[str, ...]:
    """The installed command, or the module where there is no such file."""
    script = Path(sys.executable).with_name("longtake")
    start = (str(script),) if script.exists() else (sys.executable, "-m", "longtake")
    return (*start, command)


def measure(listing: Listing) -> tuple[list[float], list[float]]:
    """Times of the bare interpreter and of the listing, pair by pair."""
    with tempfile.TemporaryDirectory() as folder:
        for index in range(listing.num_plugins):
            source = BROKEN[index] if index < listing.num_broken else PLUGIN
            install(Path(folder), index, source)
        environment = {**os.environ, "PYTHONPATH": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its byte code
        bare, command = (sys.executable, "-c", "pass"), longtake(listing.command)
        for each in (bare, command, command):  # byte code is written, files are in the cache
            seconds(each, environment)
        pairs = [
            (seconds(bare, environment), seconds(command, environment)) for _ in range(NUM_PAIRS)
        ]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def print_times(label: str, times: Sequence[float]) -> None:
    print(f"{label:<40}{median(times) * 1000:>10.1f}{min(times) * 1000:>10.1f}")


def main() -> None:
    """Print the table of each listing."""
    for listing in LISTINGS:
        bare, times = measure(listing)
        ratios = sorted(after / before for before, after in zip(bare, times, strict=True))
        print(f"{'command':<40}{'median ms':>10}{'fastest':>10}")
        print_times("python -c pass", bare)
        print_times(listing.label, times)
        print(
            f"ratio of {NUM_PAIRS} pairs: median {median(ratios):.1f}, from {ratios[0]:.1f} to "
            f"{ratios[-1]:.1f}; budget {listing.budget:.0f}\n"
        )


if __name__ == "__main__":
    main()
