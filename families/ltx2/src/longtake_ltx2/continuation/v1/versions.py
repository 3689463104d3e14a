"""The kind of LTX-2's states, and the way from older schema versions to the newest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import longtake as lt
from longtake_ltx2.continuation.checks import MAX_COUNT, integer, object_, refuse, shown
from longtake_ltx2.continuation.v1.names import (
    LTX2_CONTINUATION_KIND,
    LTX2_CONTINUATION_SCHEMA_VERSION,
)

__all__ = ["newest_payload"]

_UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""For every older schema version, the pure function from its payload to the next version's."""


def newest_payload(state: lt.ContinuationState) -> tuple[dict[str, Any], int]:
    """The payload of ``state`` in the newest schema version, and the version that it came in.

    Raises `longtake.ValidationError` for another kind, or for a version that is not known.
    """
    if state.kind != LTX2_CONTINUATION_KIND:
        refuse("state.kind", f"is {shown(state.kind)}; must be {LTX2_CONTINUATION_KIND!r}")
    payload = object_(state.payload, "state.payload")
    path, newest = "state.payload.schema_version", LTX2_CONTINUATION_SCHEMA_VERSION
    version = integer(payload.get("schema_version", 1), path, low=-MAX_COUNT)
    if not 1 <= version <= newest:
        refuse(path, f"is {version}; supported: {', '.join(map(str, range(1, newest + 1)))}")
    for older in range(version, newest):
        payload = _UPGRADES[older](payload)
    return payload, version
