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
from collections.abc import Sequence
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

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


def cpu_seconds(command: Sequence[str]) -> float:
    """What a command costs that has no file, model or cache to begin with."""
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as folder:
        environment = {**os.environ, "HOME": folder, "XDG_CACHE_HOME": folder}
        before = getrusage(RUSAGE_CHILDREN)
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        after = getrusage(RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments: Sequence[str]) -> None:
    """Print the median of the pairs' ratios, and of each build's seconds."""
    others = [[os.path.abspath(path), *GENERATE] for path in arguments[:1]]
    commands = [ONLY_IMPORTS, [*OWN, *GENERATE], *others]
    for command in commands:
        cpu_seconds(command)  # compiled modules and file caches are there for all
    rounds = [[cpu_seconds(command) for command in commands] for _ in range(NUM_PAIRS)]
    floor, own = (median(seconds[index] for seconds in rounds) for index in (0, 1))
    print(f"first generate: {own:.2f} CPU seconds; {floor:.2f} to import the libraries alone")
    if not others:
        print("no other build to compare with: give the path of its longtake")
        return
    other = median(seconds[2] for seconds in rounds)
    ratio, lowest = (median(seconds[index] / seconds[2] for seconds in rounds) for index in (1, 0))
    print(f"the other build: {other:.2f} CPU seconds; {ratio:.3f} times, budget {BUDGET}")
    print(f"the libraries alone: {lowest:.3f} times the other build")


if __name__ == "__main__":
    main(sys.argv[1:])
