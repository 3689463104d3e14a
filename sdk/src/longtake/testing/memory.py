"""A blob store in memory that the contracts use, and that no check for leaks is shown."""

from __future__ import annotations

from functools import cache
from typing import Any

import longtake as lt

__all__ = ["memory_store"]


def memory_store() -> lt.BlobStore:
    """A new, empty store; it ends with its last user."""
    store: lt.BlobStore = _opener()("memory:")
    return store


@cache
def _opener() -> Any:
    target: Any = lt.Registry.of("longtake.builtin").blob_backend("memory").open
    return lt.Reference(target).resolve() if isinstance(target, str) else target
