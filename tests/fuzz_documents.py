"""A long run of mutated documents: ``python -m tests.fuzz_documents SECONDS [--at-random]``.

Guided by coverage where atheris is installed, else, or when asked, at random. Memory above what
states may take is refused by the system, so a reader that asks for it fails. Ends with an error
when a reader raised anything but the documented error, or took more than a second of CPU time (ten
where coverage is counted, which makes reading five times slower); always says how many.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import random
import resource
import sys
import time
from collections import Counter
from typing import Any

__all__ = ["Report", "main"]

LIMIT = 2**26
"""Bytes that one state may take here."""
ROOM = 16 * LIMIT
"""Bytes of address space for all that is read and mutated, beside what is loaded."""

_LONGEST = 130_000
"""Bytes of a case that grows while it is guided; short ones are read more often."""


class Report:
    """What came of the runs so far."""

    def __init__(self, most_seconds: float = 1.0) -> None:
        self.most_seconds = most_seconds
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0
        self.failures: dict[str, bytes] = {}
        self.num_runs = 0

    def run(self, case: bytes) -> None:
        from tests.fuzzing import outcome

        start = time.process_time()
        try:
            came = outcome(case)
        except Exception as error:  # whatever it is: that is what is looked for
            came = f"{type(error).__name__}: {error}"[:200]
            self.failures.setdefault(came, case)
        took = time.process_time() - start
        if took > self.most_seconds:
            self.failures.setdefault(f"took {took:.1f} s", case)
        self.slowest = max(self.slowest, took)
        self.num_runs += 1
        self.outcomes[came] += 1

    def text(self) -> str:
        counts = ", ".join(f"{count} {came}" for came, count in self.outcomes.most_common())
        return f"{self.num_runs} documents: {counts}; the slowest took {self.slowest:.3f} s"


def main(arguments: list[str]) -> int:
    seconds = float(arguments[0]) if arguments else 60.0
    os.environ["LONGTAKE_STATE_BYTES"] = str(LIMIT)
    guided = importlib.util.find_spec("atheris") is not None and "--at-random" not in arguments
    report = Report(10.0 if guided else 1.0)
    (_guided if guided else _at_random)(report, seconds)
    return _told(report)


def _told(report: Report) -> int:
    print(report.text(), flush=True)
    for came, case in report.failures.items():
        print(f"\n{came}\n{case[:2000]!r}", flush=True)
    return 1 if report.failures else 0


def _at_random(report: Report, seconds: float) -> None:
    from tests.fuzzing import mutated, seeds

    chance, cases = random.Random(int(os.environ.get("FUZZ_SEED", "1"))), seeds()
    _warm(report, cases)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(100):
            report.run(mutated(chance.choice(cases), chance))


def _guided(report: Report, seconds: float) -> None:
    atheris: Any = importlib.import_module("atheris")  # which has no types
    with atheris.instrument_imports(include=["longtake", "longtake_ltx2"]):
        from tests.fuzzing import mutated, seeds
    cases = seeds()
    _warm(report, cases)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.1:
            data = chance.choice(cases)
        return mutated(data, chance)[:most]

    end = time.monotonic() + seconds

    def test(data: bytes) -> None:
        report.run(data)
        if time.monotonic() > end:
            os._exit(_told(report))

    options = [sys.argv[0], f"-max_len={_LONGEST}", "-rss_limit_mb=0", "-verbosity=0"]
    atheris.Setup(options, test, custom_mutator=mutate)
    atheris.Fuzz()


def _warm(report: Report, cases: list[bytes]) -> None:
    """Read every case once, so that all is loaded; from then on memory is bounded."""
    for case in cases:
        report.run(case)
    assert report.outcomes["read"] == len(cases), report.text()
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, now + ROOM))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
