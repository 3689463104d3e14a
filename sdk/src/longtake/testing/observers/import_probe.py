"""A program for a new process: loads a plugin for its observers, and says what that imported.

Reads ``{"plugin": module}`` from standard input, writes the heavy ones of the packages as JSON.
"""

from __future__ import annotations

import json
import sys

import longtake as lt

__all__: list[str] = []

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    lt.Registry.of(asked["plugin"])
    sys.stdout.write("\n" + json.dumps(lt.heavy_modules()) + "\n")
