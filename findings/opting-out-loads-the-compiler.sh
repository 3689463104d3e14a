#!/usr/bin/env bash
# Question: a library marks a function with @torch.compiler.disable, so that torch.compile leaves it
#   alone. What does that cost a program which never compiles anything?
# A good guess: nothing. The decorator sets a flag on the function that the compiler, if somebody
#   ever starts it, will see.
# What happens: applying the decorator imports the compiler: torch._dynamo, and sympy with it, some
#   800 modules, which take about as much CPU again as importing torch itself. It happens where the
#   function is defined, so at import, and the function need not be called.
# Versions: torch 2.13.0.
# Consequence: one such decorator in a module sets the start of every program that imports it; the
#   libraries of models and pipelines have some. No switch turns it off (TORCH_COMPILE_DISABLE=1
#   does not). Where a start counts, apply the decorator when the function is first compiled, or
#   count the modules in a test.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy
cd "$work"
cat > probe.py <<'PYTHON'
import sys
import time

start = time.process_time()
import torch

imported = time.process_time() - start
assert "torch._dynamo" not in sys.modules and "sympy" not in sys.modules
before, start = set(sys.modules), time.process_time()


@torch.compiler.disable
def plain(x):
    return x


decorated, more = time.process_time() - start, len(set(sys.modules) - before)
loaded = {name: name in sys.modules for name in ("torch._dynamo", "sympy")}
print(f"torch {torch.__version__}: {imported:.1f} CPU s; the decorator: {decorated:.1f} CPU s")
print(f"{more} more modules; loaded: {loaded}")
assert all(loaded.values()) and more > 500
PYTHON
"$work/venv/bin/python" probe.py
TORCH_COMPILE_DISABLE=1 "$work/venv/bin/python" probe.py
