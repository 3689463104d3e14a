#!/usr/bin/env bash
# Question: numbers that are too large for it, infinity among them, are cast to an 8-bit float by torch
#   and by ml_dtypes (the types of JAX). What becomes of them?
# A good guess: the two agree, as both round to the nearest; and infinity stays recognisable, as
#   infinity where the type has one (e5m2), as NaN where it has none (e4m3fn).
# What happens: in e4m3fn torch gives 448, the largest, for all of them, infinity included, and
#   ml_dtypes NaN (from 464, the middle to what would come next, on). In e5m2 both give infinity. So
#   torch's own two types differ, and an overflow that a check for NaN finds in one library is a
#   plain number in the other.
# Versions: torch 2.13.0 (CPU), ml_dtypes 0.6.0, numpy 2.4.6.
# Consequence: weights cast to fp8 with torch hide an infinity that was in them, and large ones are
#   clipped silently. Look for what is not finite, and for what is above 448, before the cast.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.13.0 ml_dtypes==0.6.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import math
from importlib.metadata import version

import ml_dtypes
import numpy as np
import torch

print(", ".join(f"{name} {version(name)}" for name in ("torch", "ml_dtypes")))
GIVEN = {"e4m3fn": [448.0, 463.0, 465.0, 1e4, math.inf], "e5m2": [57344.0, 61439.0, 61441.0, 1e6]}
found = {}
for name, given in GIVEN.items():
    by_torch = torch.tensor(given).to(getattr(torch, f"float8_{name}")).float().tolist()
    by_ml_dtypes = np.float32(given).astype(getattr(ml_dtypes, f"float8_{name}"))
    found[name] = by_torch, by_ml_dtypes.astype(np.float32).tolist()
    print(f"{name}: {given}\n  torch {found[name][0]}\n  ml_dtypes {found[name][1]}")

by_torch, by_ml_dtypes = found["e4m3fn"]
assert by_torch == [448.0] * 5, by_torch
assert by_ml_dtypes[:2] == [448.0] * 2 and all(map(math.isnan, by_ml_dtypes[2:])), by_ml_dtypes
assert found["e5m2"][0] == found["e5m2"][1] == [57344.0, 57344.0, math.inf, math.inf], found
PYTHON
