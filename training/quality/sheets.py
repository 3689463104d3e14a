"""Contact sheets of takes: what a person is shown who is to say what the prompts were."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

__all__ = ["sheet"]

_SHOWN = 10
"""Pictures of a take, spread over it."""
_LABEL = 200
"""Pixels for the prompt."""


def sheet(takes: Sequence[tuple[str, NDArray[np.float32]]]) -> Image.Image:
    """A row for each prompt and its take ``[T, H, W, 3]``, 0 to 1."""
    height, width = takes[0][1].shape[1:3]
    page = Image.new("RGB", (_LABEL + _SHOWN * width, len(takes) * height), "white")
    draw = ImageDraw.Draw(page)
    for row, (prompt, pictures) in enumerate(takes):
        draw.text((4, row * height + height // 2 - 6), prompt, fill="black")
        chosen = np.linspace(0, len(pictures) - 1, _SHOWN).astype(int)
        for column, index in enumerate(chosen):
            pixels = (pictures[index] * 255).round().clip(0, 255).astype(np.uint8)
            page.paste(Image.fromarray(pixels), (_LABEL + column * width, row * height))
    return page
