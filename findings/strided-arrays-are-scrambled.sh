#!/usr/bin/env bash
# Question: safetensors.numpy saves a transposed array, and every other column of one: views, as a
#   channels-first picture or a slice of latents is. What is loaded again?
# A good guess: the same values, as numpy.save keeps them; or an error, as safetensors.torch raises for
#   tensors that are not contiguous.
# What happens: shape and dtype are those of the view, the values are whatever lies in memory from its
#   first value on, in that order, and nothing says so. Arrays of the other byte order are copied
#   before, and come back right. Up to 0.7.0 all of them did.
# Versions: safetensors 0.8.0 and 0.7.0, numpy 2.4.6.
# Consequence: give it np.ascontiguousarray(array), always. A state that was written without it is lost.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
cat > "$work/views.py" <<'PYTHON'
import sys

import numpy as np
import safetensors
from safetensors.numpy import load, save

values = np.arange(12, dtype=np.float32).reshape(3, 4)
views = {
    "as it is": values,
    "transposed": values.T,
    "in Fortran's order": np.asfortranarray(values),
    "every other column": values[:, ::2],
    "big-endian": values.astype(">f4"),
}
kept = {}
for name, view in views.items():
    loaded = load(save({"view": view}))["view"]
    assert loaded.shape == view.shape, name
    kept[name] = bool(np.array_equal(loaded, view))
    print(f"safetensors {safetensors.__version__}, {name}: {'kept' if kept[name] else 'other values'}")
right = set(views) if sys.argv[1] == "kept" else {"as it is", "big-endian"}
assert {name for name, is_kept in kept.items() if is_kept} == right, kept
PYTHON
for version in 0.8.0:scrambled 0.7.0:kept; do
  "$work/venv/bin/pip" install --quiet --no-compile "safetensors==${version%:*}" numpy==2.4.6
  "$work/venv/bin/python" "$work/views.py" "${version#*:}"
done
