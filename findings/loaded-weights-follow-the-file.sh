#!/usr/bin/env bash
# Question: safetensors has loaded a checkpoint to the CPU. Another program then writes other weights
#   into the same file, as `rsync --inplace` does: same size, the file never shorter. Which weights
#   does the first program have?
# A good guess: those that it loaded. load_file returns tensors, and "mapped" is how they were read.
# What happens: the new ones, at once, in load_file and safe_open alike, also in what was read and
#   computed with before. The tensors are the file's pages for as long as they live. What was
#   converted to another type or moved to another device by then is a copy and stays.
# Versions: safetensors 0.8.0, torch 2.13.0 (CPU), numpy 2.4.6, on Linux.
# Consequence: a server shows other pictures from one request to the next, half of one checkpoint and
#   half of the other while the file is being written. Copy what is to stay (clone), and publish new
#   weights under a name of their own, or by renaming a whole file into place.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile safetensors==0.8.0 torch==2.13.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

print(", ".join(f"{name} {version(name)}" for name in ("safetensors", "torch")))
save_file({"weight": torch.ones(1 << 20)}, "model.safetensors")
save_file({"weight": torch.full((1 << 20,), 2.0)}, "newer.safetensors")

loaded = load_file("model.safetensors")["weight"]
with safe_open("model.safetensors", framework="pt") as file:
    opened = file.get_tensor("weight")
copied, halved = loaded.clone(), loaded.half()
kept = {"load_file": loaded, "safe_open": opened, "clone()": copied, "half()": halved}
before = {name: float(each.mean()) for name, each in kept.items()}

with open("model.safetensors", "r+b") as file:
    file.write(Path("newer.safetensors").read_bytes())

after = {name: float(each.mean()) for name, each in kept.items()}
for name in kept:
    print(f"{name}: mean {before[name]} before the file was written to, {after[name]} after")
assert set(before.values()) == {1.0}
assert after == {"load_file": 2.0, "safe_open": 2.0, "clone()": 1.0, "half()": 1.0}
PYTHON
