"""CPU seconds of the first ``longtake generate``, beside those of another build.

``python benchmarks/first_generate.py /path/to/other/bin/longtake``. Both roll one segment of the
tiny example in an empty folder, in turns, and each pair gives one ratio, so that a machine that is
busy for a while slows both. Counted is what the command and all its processes compute, user and
system. Without another build only this one's seconds are told.
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


def cpu_seconds(longtake: Sequence[str]) -> float:
    """What one take costs that has no file, model or cache to begin with."""
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as folder:
        environment = {**os.environ, "HOME": folder, "XDG_CACHE_HOME": folder}
        before = getrusage(RUSAGE_CHILDREN)
        done = subprocess.run(
            [*longtake, *GENERATE],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        after = getrusage(RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(longtake)}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments: Sequence[str]) -> None:
    """Print the median of the pairs' ratios, and of each build's seconds."""
    others = [[os.path.abspath(path)] for path in arguments[:1]]
    builds = [OWN, *others]
    for build in builds:
        cpu_seconds(build)  # compiled modules and file caches are there for both
    rounds = [[cpu_seconds(build) for build in builds] for _ in range(NUM_PAIRS)]
    own = median(seconds[0] for seconds in rounds)
    print(f"first generate: {own:.2f} CPU seconds")
    if not others:
        print("no other build to compare with: give the path of its longtake")
        return
    other = median(seconds[1] for seconds in rounds)
    ratio = median(mine / theirs for mine, theirs in rounds)
    print(f"the other build: {other:.2f} CPU seconds; {ratio:.3f} times, budget {BUDGET}")


if __name__ == "__main__":
    main(sys.argv[1:])
