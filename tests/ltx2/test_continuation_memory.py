"""What writing and reading an ``ltx2.v1`` state of a large picture takes in memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
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

    What Pillow takes for the one or two pictures that it has in hand is its own, and not counted.
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
