"""What writing and reading an ``ltx2.v1`` state of a large picture takes in memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

import longtake as lt
from longtake.testing.memory import memory_store
from longtake_ltx2.continuation import LTX2ContinuationCodec, LTX2ContinuationState

T = TypeVar("T")
HEIGHT, WIDTH, FRAMES = 1024, 1536, 9
CODEC = LTX2ContinuationCodec()


@pytest.fixture(scope="module")
def state() -> LTX2ContinuationState:
    """Nine frames that PNG makes half as large, as it does a camera's."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, WIDTH)[None, :, None]
    return LTX2ContinuationState(
        video_frames=[
            (ramp + rng.normal(20, 2, (HEIGHT, WIDTH, 3))).astype(np.uint8) for _ in range(FRAMES)
        ]
    )


def peak_of(use: Callable[[], T]) -> tuple[int, T]:
    """The most bytes that were there beside those from before, as Python and NumPy ask for them.

    What Pillow takes for what it has in hand is its own, and not counted.
    """
    gc.collect()
    tracemalloc.start()
    try:
        made = use()
        return tracemalloc.get_traced_memory()[1], made
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("stores", [False, True], ids=["inline", "blob"])
def test_writing_takes_at_most_twice_what_is_written_and_reading_the_frames_and_one_file(
    stores: bool, state: LTX2ContinuationState
) -> None:
    blobs = memory_store() if stores else None
    small = LTX2ContinuationState(video_frames=[np.zeros((8, 8, 3), np.uint8)])
    CODEC.decode(CODEC.encode(small, blobs), blobs)  # what is imported stays
    written, document = peak_of(lambda: CODEC.encode(state, blobs))
    assert written <= 2 * encoded_bytes(document, blobs)
    read, again = peak_of(lambda: CODEC.decode(document, blobs))
    frames = sum(frame.nbytes for frame in state.video_frames or ())
    assert frames < read <= frames + encoded_bytes(document, blobs) // FRAMES
    for mine, theirs in zip(again.video_frames or (), state.video_frames or (), strict=True):
        assert np.array_equal(mine, theirs)


def encoded_bytes(document: lt.ContinuationState, blobs: lt.BlobStore | None) -> int:
    video: dict[str, Any] = document.payload["video"]
    if blobs is None:
        return sum(map(len, video["frames_b64"]))
    return len(blobs.get(video["blob_id"]))


READ = """
import sys
import numpy as np
import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationCodec, LTX2ContinuationState

def resident(name):
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(name))

codec = LTX2ContinuationCodec()
small = [np.zeros((64, 64, 3), np.uint8)] * 2
codec.decode(codec.encode(LTX2ContinuationState(video_frames=small)))  # what is imported stays
with open(sys.argv[1]) as file:
    document = lt.ContinuationState.from_json(file.read())
before = resident("VmRSS")
frames = codec.decode(document).video_frames
print(resident("VmHWM") - before - sum(frame.nbytes for frame in frames))
"""
TRIES = 3
"""An allocator now and then keeps a gap; what is needed is what the best of them needs."""
GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "131072"}
"""Else glibc keeps what was freed for the next frame, or beside it, as chance has it."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells what is resident")
def test_a_process_that_reads_grows_by_the_frames_and_one_file(
    state: LTX2ContinuationState, tmp_path: Path
) -> None:
    document = CODEC.encode(state)
    (tmp_path / "state.json").write_text(document.to_json())
    command = [sys.executable, "-c", READ, str(tmp_path / "state.json")]
    environment = os.environ | GIVES_BACK
    beside = [int(subprocess.check_output(command, env=environment)) for _ in range(TRIES)]
    assert min(beside) <= encoded_bytes(document, None) // FRAMES
