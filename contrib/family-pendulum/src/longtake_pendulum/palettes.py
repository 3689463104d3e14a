"""The colours of a picture, and the prompt that chooses them."""

from __future__ import annotations

import re
import zlib

from attrs import frozen

__all__ = ["PALETTES", "Palette", "palette_of"]


@frozen
class Palette:
    """Colours as ``#rrggbb``.

    - ``light``, ``shade``: of the wall, where the light falls and where it does not.
    - ``beam``: of the wood.
    - ``bobs``: of the pendulums in turn.
    """

    light: str
    shade: str
    beam: str
    bobs: tuple[str, str, str, str, str]


PALETTES = {
    "dawn": Palette(
        "#f7e3d0", "#b98a86", "#6b3f2e", ("#c8443c", "#e0803a", "#e9b949", "#5a9a8f", "#3f5f8a")
    ),
    "sea": Palette(
        "#d9ebee", "#5f8ea3", "#4a3a30", ("#1f4e79", "#2a7f9e", "#3fb0a3", "#e8c468", "#e2694c")
    ),
    "forest": Palette(
        "#e4ebd3", "#7f9676", "#533b26", ("#2f5d3a", "#6b9440", "#c9b037", "#c9702c", "#8a3324")
    ),
    "dusk": Palette(
        "#e3d7ee", "#77699b", "#3e3046", ("#4b3b8f", "#8a4fa3", "#cf5c8c", "#ee8a6b", "#f2c46d")
    ),
    "night": Palette(
        "#46587f", "#141a33", "#2a211f", ("#f0c05a", "#e8824a", "#d7485f", "#8d5bd1", "#3f9bd8")
    ),
}


def palette_of(prompt: str) -> str:
    """The palette that ``prompt`` names, the last one of several; by chance when it names none.

    The chance is the prompt's own: the same words, the same colours, on every worker.
    """
    named: list[str] = [word for word in re.findall(r"\w+", prompt.lower()) if word in PALETTES]
    if named:
        return named[-1]
    chance = zlib.crc32(prompt.encode("utf-8", "surrogatepass"))
    return sorted(PALETTES)[chance % len(PALETTES)]
