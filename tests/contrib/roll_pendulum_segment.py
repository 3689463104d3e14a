"""Roll one segment of a pendulum take in this process, from a state file and a blob store.

``python -m tests.contrib.roll_pendulum_segment URL FOLDER INDEX FPS NEW_FRAMES``: reads
``FOLDER/INDEX-1.json`` unless INDEX is 0, writes ``FOLDER/INDEX.json`` and ``INDEX.npz``.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import longtake as lt

SIZE: dict[str, Any] = {"height": 16, "width": 16, "seed": 21}
OVERLAP = 9


def sampling(index: int, fps: Fraction, new_frames: int) -> lt.Sampling:
    """Of one segment, from what it adds to the take."""
    repeated = OVERLAP if index else 0
    return lt.Sampling(num_frames=new_frames + repeated, fps=fps, **SIZE)


def main() -> None:
    url, folder, number, fps, new_frames = sys.argv[1:]
    index = int(number)
    state = None
    if index:
        text = Path(folder, f"{index - 1}.json").read_bytes()
        state = lt.ContinuationState.from_json(text)
    with lt.load(family="pendulum") as pipeline:
        session = lt.Session(
            pipeline,
            state=state,
            sampling=sampling(index, Fraction(fps), int(new_frames)),
            overlap_frames=OVERLAP,
            blobs=lt.open_blob_store(url),
        )
        result = session.extend("night")
    assert session.state is not None and result.audio is not None
    np.savez(Path(folder, f"{index}.npz"), frames=result.frames, sound=result.audio)
    Path(folder, f"{index}.json").write_text(session.state.to_json())


if __name__ == "__main__":
    main()
