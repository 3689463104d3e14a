"""A plugin that imports what its stages need before anybody asks for them."""

from __future__ import annotations

import numpy  # noqa: F401

import longtake as lt
from tests.sdk.testing.families.fog import fog


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    return [fog("heavy")]
