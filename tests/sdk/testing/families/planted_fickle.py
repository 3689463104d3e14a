"""A plugin that says something else each time it is asked."""

from __future__ import annotations

from itertools import count

import longtake as lt
from tests.sdk.testing.families.fog import fog

_asked = count()


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    return [fog("fickle", description=f"asked {next(_asked)} times before")]
