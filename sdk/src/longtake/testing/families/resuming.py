"""A program for a new process: continues a take from its state alone.

Reads from standard input, as JSON: ``plugin``, ``family``, ``preset``, ``checkpoint`` (or null),
``load_options``, ``request`` (a document of `longtake.GenerationRequest` with a state), and
``into``, the file for the arrays. Writes the next state, or null, as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import longtake as lt

__all__ = ["resume"]


def resume(asked: dict[str, Any]) -> str | None:
    """Generate, write picture and sound to the file ``into``, and return the next state."""
    import numpy as np

    with lt.load(
        asked["checkpoint"],
        family=asked["family"],
        preset=asked["preset"],
        registry=lt.Registry.of(asked["plugin"]),
        **asked["load_options"],
    ) as pipeline:
        result = pipeline.generate(lt.GenerationRequest.from_dict(asked["request"]))
    arrays: dict[str, Any] = {"frames": result.frames}
    if result.audio is not None:
        arrays["audio"] = result.audio
    np.savez(asked["into"], allow_pickle=False, **arrays)
    return None if result.state is None else result.state.to_json()


if __name__ == "__main__":
    told = resume(json.load(sys.stdin))
    sys.stdout.write("\n" + json.dumps(told) + "\n")
