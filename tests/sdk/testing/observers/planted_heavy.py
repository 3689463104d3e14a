"""A plugin whose module imports something heavy."""

from __future__ import annotations

from typing import Any

import numpy as np

import longtake as lt

seen = np.zeros(1)


def count(event: Any) -> None:
    """An observer."""
    seen[0] += 1


@lt.hookimpl
def longtake_observers() -> list[Any]:
    return [count]
