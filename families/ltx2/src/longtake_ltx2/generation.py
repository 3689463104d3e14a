"""The generations of LTX-2, and what tells them apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

__all__ = ["Generation", "generation_of", "generation_of_version"]

Generation = Literal["2.0", "2.3", "2.5"]

_SINCE: tuple[tuple[tuple[int, ...], Generation], ...] = (
    ((2, 5), "2.5"),
    ((2, 3), "2.3"),
    ((2,), "2.0"),
)
"""Newest first: a version that is not known is of the nearest known generation below it."""


def generation_of(transformer_config: Mapping[str, Any]) -> Generation:
    """The generation that a transformer's configuration belongs to.

    Only the later ones of 2.5 have the embedding of keyframes; all lack the bias.
    """
    has_bias = transformer_config.get("ff_bias", True)
    if transformer_config.get("use_keyframes_abs_pos_embedding") or not has_bias:
        return "2.5"
    modulated = transformer_config.get("cross_attn_mod") or transformer_config.get("gated_attn")
    return "2.3" if modulated else "2.0"


def generation_of_version(version: str) -> Generation | None:
    """The generation that a version such as ``"2.3.rc1"`` belongs to.

    None for one from before LTX-2. Raises `ValueError` for what does not begin with a number.
    """
    numbers = re.match(r"\d+(\.\d+)*", version)
    if numbers is None:
        raise ValueError(f"{version!r} is no version")
    parsed = tuple(int(part) for part in numbers[0].split("."))
    return next((generation for since, generation in _SINCE if parsed >= since), None)
