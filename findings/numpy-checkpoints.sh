#!/usr/bin/env bash
# Question: a safetensors file holds one BF16 tensor, another one F8_E4M3. Can safetensors.numpy
#   read them? Can it read what its own save_file wrote?
# A good guess: numpy has neither type, so no; and whatever save_file takes, load_file gives back.
# What happens: whether BF16 loads depends on what else the process has imported: TypeError before,
#   a bfloat16 array after `import ml_dtypes` (which JAX and TensorFlow do), for the same file.
#   load() of the same bytes raises KeyError before and after: the two entrances differ.
#   float8 arrays are written, as proper F8_E4M3, and load_file can never read them back.
# Versions: safetensors 0.8.0, numpy 2.4.6, ml_dtypes 0.6.0.
# Consequence: a tool that reads checkpoints without torch passes its tests where ml_dtypes happens
#   to be imported and fails elsewhere; FP8 weights saved through numpy need torch to be read.
#   Read the header and the bytes, and give them a type oneself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile safetensors==0.8.0 numpy==2.4.6 ml_dtypes==0.6.0
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import struct
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import load, load_file, save_file

print(", ".join(f"{name} {version(name)}" for name in ("safetensors", "numpy", "ml_dtypes")))


def file(name: str, dtype: str, data: bytes) -> str:
    tensor = {"dtype": dtype, "shape": [2], "data_offsets": [0, len(data)]}
    header = json.dumps({"weight": tensor}).encode()
    Path(name).write_bytes(struct.pack("<Q", len(header)) + header + data)
    return name


def attempt(read, argument) -> str:
    try:
        found = read(argument)["weight"]
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"{found.dtype} {found.tolist()}"


bf16 = file("bf16.safetensors", "BF16", struct.pack("<HH", 0x3F80, 0x4020))
fp8 = file("fp8.safetensors", "F8_E4M3", bytes([0x38, 0x42]))


def report(when: str) -> list[str]:
    found = [
        attempt(load_file, bf16),
        attempt(load, Path(bf16).read_bytes()),
        attempt(load_file, fp8),
    ]
    for name, each in zip(("load_file BF16", "load BF16", "load_file F8_E4M3"), found):
        print(f"{when}, {name}: {each}")
    return found


no_fp8 = "AttributeError: module 'numpy' has no attribute 'float8_e4m3fn'"
before = report("before")
assert before == ["TypeError: data type 'bfloat16' not understood", "KeyError: 'BF16'", no_fp8]

import ml_dtypes

after = report("after `import ml_dtypes`")
assert after == ["bfloat16 [1.0, 2.5]", "KeyError: 'BF16'", no_fp8], after

save_file({"weight": np.array([1, 2.5], ml_dtypes.float8_e4m3fn)}, "own.safetensors")
written = Path("own.safetensors").read_bytes()
(size,) = struct.unpack("<Q", written[:8])
header = json.loads(written[8 : 8 + size])
own = attempt(load_file, "own.safetensors")
print(f"saved by save_file: {header['weight']['dtype']}; read by load_file: {own}")
assert header["weight"]["dtype"] == "F8_E4M3" and written[8 + size :] == bytes([0x38, 0x42])
assert own == no_fp8, own
PYTHON
