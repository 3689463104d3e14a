"""A program for a new process: declares the families of a plugin, and says what that imported.

Reads ``{"plugin": module}`` from standard input, writes the heavy ones of the packages as JSON.
"""

from __future__ import annotations

import json
import sys

import longtake as lt
from longtake.testing.families.schemas import schemas_of

__all__ = ["declare"]


def declare(plugin: str) -> None:
    """What a listing does: hooks, presets, recipes and the schemas of all options."""
    for provided in lt.Registry.of(plugin).families:
        for preset in provided.value.presets:
            provided.value.recipe(preset)
        schemas_of(provided.value)


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    declare(asked["plugin"])
    sys.stdout.write("\n" + json.dumps(lt.heavy_modules()) + "\n")
