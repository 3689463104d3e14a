#!/usr/bin/env bash
# Question: a program computes with torch on the CPU in its main thread. Another thread has computed once,
#   and sleeps from then on. How fast is the main thread now?
# A good guess: as before. A thread that sleeps takes no core.
# What happens: an operation that is divided among cores takes four times as long (63 us for 14 on two quiet
#   cores) until the other thread has ended. Each puts the main thread to sleep twice, and before it did so
#   never: in 2,000 additions of 200,000 numbers the process sleeps some 4,000 times instead of about 0. The
#   OpenMP of torch's wheels keeps a pool of helpers for each thread that ever computed. Once all pools
#   together have more threads than there are cores it lets nobody spin any more while it waits.
# Versions: torch 2.13.0 (CPU), numpy 2.4.6; a machine of two cores or more.
# Consequence: who loads a model in one thread and runs it in another, or runs it in several threads in
#   turn, pays for each operation, most where there are many small ones. Compute in one thread, or let
#   threads that have computed end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import resource
import threading
import time

import torch

OPERATIONS = 2000
numbers = torch.ones(200_000)
print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
assert torch.get_num_threads() > 1, "needs two cores"


def compute(operations: int = OPERATIONS) -> None:
    for _ in range(operations):
        numbers.add_(1.0)


def measured(when: str) -> float:
    """How often an operation put this process to sleep."""
    compute(200)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw, time.perf_counter()
    compute()
    seconds = time.perf_counter() - began
    sleeps = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before
    print(f"{when}: {sleeps / OPERATIONS:.2f} sleeps an operation, {1e6 * seconds / OPERATIONS:.0f} us")
    return sleeps / OPERATIONS


def once() -> None:
    compute(1)
    has_computed.set()
    may_end.wait()


has_computed, may_end = threading.Event(), threading.Event()
alone = measured("alone")
other = threading.Thread(target=once)
other.start()
has_computed.wait()
beside = measured("beside a thread that sleeps")
may_end.set()
other.join()
after = measured("after that thread")
assert alone < 0.2 and after < 0.2 and beside > 1, (alone, beside, after)
PYTHON
