"""What `put` takes, beyond what the contract of blob stores asks of every store."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from longtake.blobs.payload import held_pieces, pieces

CYCLE = """
import gc
from longtake.blobs.payload import held_pieces

for _ in range(5):
    gc.collect()
    with held_pieces(bytes(1000)) as views:
        parts = [view[3:] for view in views]
    cycle = [parts, views]
    cycle.append(cycle)
    del cycle, parts, views
    gc.collect()
"""


def test_views_in_a_cycle_can_be_collected() -> None:
    done = subprocess.run([sys.executable, "-c", CYCLE], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("dtype", ["<i4", ">i4", "?", "e", "f", "c16", "S3", "i4,f8"])
@pytest.mark.parametrize("shape", [(0,), (4,), (2, 0), (2, 3), ()])
def test_arrays_of_every_kind_are_their_bytes(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, dtype)
    assert b"".join(bytes(view) for view in pieces(array)) == array.tobytes()


def test_what_is_contiguous_is_not_copied() -> None:
    array = np.zeros((4, 5), np.float32)
    with held_pieces(array) as views:
        (view,) = views
        array[3, 4] = 1.0
        assert bytes(view) == array.tobytes()
