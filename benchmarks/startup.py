"""How long listings take beside a bare Python: of 20 plugins, and of 50 with 5 broken.

``python benchmarks/startup.py``. The import of the package alone is measured too. The command and
the bare start run in turns, and each pair gives one ratio.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Told, at_most, cost, paired

PART = Part("start-up", "Start-up", "a bare start of Python")
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


LISTINGS = (Listing("families", 20, 0, 5.0), Listing("plugins", 50, len(BROKEN), 8.0))
COMPARED = "wall time / that of python -c pass"


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


def started(command: Sequence[str], environment: Mapping[str, str]) -> Callable[[], object]:
    """One run of ``command``, which must succeed."""

    def run() -> None:
        subprocess.run(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    return run


def longtake(command: str) -> tuple[str, ...]:
    """The installed command, or the module where there is no such file."""
    script = Path(sys.executable).with_name("longtake")
    start = (str(script),) if script.exists() else (sys.executable, "-m", "longtake")
    return (*start, command)


@contextmanager
def planted(listing: Listing) -> Iterator[dict[str, str]]:
    """The environment of processes that find so many plugins."""
    with tempfile.TemporaryDirectory() as folder:
        for index in range(listing.num_plugins):
            source = BROKEN[index] if index < listing.num_broken else PLUGIN
            install(Path(folder), index, source)
        environment = {**os.environ, "PYTHONPATH": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its byte code
        yield environment


def figures() -> Iterator[Told]:
    """One of each listing, and one of the import."""
    bare = (sys.executable, "-c", "pass")
    for listing in LISTINGS:
        with planted(listing) as environment:
            ours, other = (started(each, environment) for each in (longtake(listing.command), bare))
            ours()  # byte code is written
            pairs = paired(ours, other, pairs=NUM_PAIRS)
        yield cost(listing.label, COMPARED, pairs, at_most(listing.budget))
    environment = {**os.environ}
    ours, other = (
        started((sys.executable, "-c", each), environment) for each in ("import longtake", "pass")
    )
    yield cost("import longtake", COMPARED, paired(ours, other, pairs=NUM_PAIRS), at_most(1.5))


if __name__ == "__main__":
    PART.tell(figures(), PART.parser(__doc__).parse_args().json)
