#!/usr/bin/env bash
# Question: torch.randn is asked for n numbers and, from a generator with the same seed, for more. Does
#   the longer noise begin with the shorter one, so that a longer clip begins like a shorter one?
# A good guess: yes. A generator is a stream, and numbers are drawn from it one after the other.
# What happens on the CPU: only where n divides by 16. Normal numbers are made of uniform ones by 16 at
#   once; for a rest, the last 16 of all n are drawn anew, over what stood there, so up to 16 numbers
#   at the end differ (of 17 all but the first), and the generator has gone on further. Below 16 another
#   algorithm is at work, and all differ. torch.rand begins alike for every n.
# Versions: torch 2.13.0 (CPU).
# Consequence: noise for "the same clip, a little longer" is another noise at the join, and what is
#   drawn after it differs even where the noise is the same. Draw in pieces of fixed sizes, each from
#   a generator of its own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.13.0
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import torch

print(f"torch {torch.__version__}")


def others(draw, count: int) -> int:
    """How many of the first ``count`` numbers are not those of a longer draw."""
    short, long = (draw(n, generator=torch.Generator().manual_seed(0)) for n in (count, 64))
    return int((short != long[:count]).sum())


found = {count: others(torch.randn, count) for count in (15, 16, 17, 20, 31, 32, 33, 48)}
for count, differ in found.items():
    print(f"randn({count}): {differ} of {count} are not how randn(64) begins")
assert found == {15: 15, 16: 0, 17: 16, 20: 16, 31: 16, 32: 0, 33: 16, 48: 0}, found
assert not any(others(torch.rand, count) for count in found)
PYTHON
