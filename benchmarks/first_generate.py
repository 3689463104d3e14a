"""CPU seconds of the first ``longtake generate``, beside those of another build.

``python benchmarks/first_generate.py /path/to/other/bin/longtake``. Both roll one segment of the
tiny example in an empty folder, in turns, and each pair gives one ratio, so that a machine that is
busy for a while slows both. Counted is what the command and all its processes compute, user and
system. Without another build only this one's seconds are told. Beside them stands what the
libraries' classes cost to import, with nothing of Longtake and without the garbage collector: no
build that uses them can cost less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Told, at_most, cost, paired

PART = Part(
    "first-generate", "The first take of all", "the imports of its libraries, and another build"
)

NUM_PAIRS = 7
BUDGET = 0.6
OWN = (sys.executable, "-m", "longtake")
GENERATE = ("generate", "a tram turns", "-o", "take.mp4")
IMPORTS = """
import gc
gc.disable()
from diffusers import AutoencoderKLLTX2Audio, AutoencoderKLLTX2Video, LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from transformers import AutoTokenizer, Gemma3ForConditionalGeneration
"""
ONLY_IMPORTS = (sys.executable, "-c", IMPORTS)


def children() -> float:
    """CPU seconds of all processes that this one has started and that are over."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command: Sequence[str]) -> Callable[[], None]:
    """Of a command that has no file, model or cache to begin with."""

    def once() -> None:
        with tempfile.TemporaryDirectory(prefix="longtake-bench-") as folder:
            environment = {**os.environ, "HOME": folder, "XDG_CACHE_HOME": folder}
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stderr}")

    return once


def figures(other: Path | None) -> Iterator[Told]:
    """Ours beside the imports alone, and beside another build where there is one."""
    own, imports = run([*OWN, *GENERATE]), run(ONLY_IMPORTS)
    own(), imports()  # compiled modules are there
    pairs = paired(own, imports, pairs=NUM_PAIRS, clock=children)
    yield cost("first generate", "CPU seconds / the imports of its libraries", pairs)
    if other is None:
        yield "No other build was named to compare with: give the path of its longtake."
        return
    theirs = run([str(other.absolute()), *GENERATE])
    pairs = paired(own, theirs, pairs=NUM_PAIRS, clock=children)
    yield cost("beside the other build", "CPU seconds, ours / the other's", pairs, at_most(BUDGET))


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("other", type=Path, nargs="?", help="longtake of another build")
    asked = parser.parse_args()
    PART.tell(figures(asked.other), asked.json)


if __name__ == "__main__":
    main()
