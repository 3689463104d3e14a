"""What Longtake keeps in a state's open metadata, under ``"longtake"``: clock, seed, model.

The metadata belongs to everybody, so keys that are not ours are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from longtake_ltx2.clock import TakeClock, latents_until
from longtake_ltx2.continuation.checks import integer, object_, refuse, shown

__all__ = ["check_latents_of", "clock_of", "model_of", "seed_of"]

_PATH = "state.payload.metadata.longtake"
_MAX_RATIO_PART = 2**63 - 1
_MAX_FPS = 1000
_LONGEST_MODEL = 128


def clock_of(metadata: Mapping[str, Any]) -> TakeClock | None:
    """The take's clock; None when the metadata has none.

    Raises `longtake.ValidationError` when it is damaged.
    """
    ours = _ours(metadata)
    if "clock" not in ours:
        return None
    path = f"{_PATH}.clock"
    clock = object_(ours["clock"], path)
    for name in ("frames", "fps", "latents"):
        if name not in clock:
            refuse(f"{path}.{name}", "required, but missing")
    samples = clock.get("samples")
    return TakeClock(
        frames=integer(clock["frames"], f"{path}.frames"),
        fps=_ratio(clock["fps"], f"{path}.fps"),
        latents=integer(clock["latents"], f"{path}.latents"),
        samples=None if samples is None else integer(samples, f"{path}.samples"),
    )


def check_latents_of(clock: TakeClock) -> None:
    """Refuse a clock whose frames and audio latents are not of one length.

    What is made to join the two would be as long as they are apart. Raises
    `longtake.ValidationError`.
    """
    latents = latents_until(clock.frames, clock.fps)
    if clock.latents != latents:
        refuse(
            f"{_PATH}.clock.latents",
            f"is {clock.latents}; a take of {clock.frames} frames at {clock.fps} fps has {latents}",
        )


def seed_of(metadata: Mapping[str, Any]) -> int | None:
    """The take's seed; None when the metadata has none. Raises like `clock_of`."""
    ours = _ours(metadata)
    return integer(ours["seed"], f"{_PATH}.seed", high=2**64 - 1) if "seed" in ours else None


def model_of(metadata: Mapping[str, Any]) -> str | None:
    """The fingerprint of the model; None when the metadata has none. Raises like `clock_of`."""
    ours, path = _ours(metadata), f"{_PATH}.model"
    if "model" not in ours:
        return None
    model = ours["model"]
    if not isinstance(model, str) or not model:
        refuse(path, f"is {shown(model)}; must be the fingerprint of a model")
    if len(model) > _LONGEST_MODEL or not model.isprintable():
        refuse(path, f"must be at most {_LONGEST_MODEL} printable characters")
    return model


def _ours(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return object_(metadata["longtake"], _PATH) if "longtake" in metadata else {}


def _ratio(value: object, path: str) -> Fraction:
    if not isinstance(value, list | tuple) or len(value) != 2:
        refuse(path, f"is {shown(value)}; must be [numerator, denominator]")
    numerator, denominator = (
        integer(part, f"{path}[{index}]", low=1, high=_MAX_RATIO_PART)
        for index, part in enumerate(value)
    )
    ratio = Fraction(numerator, denominator)
    if not Fraction(1, _MAX_FPS) <= ratio <= _MAX_FPS:
        refuse(path, f"is {float(ratio):g}; must be from 1/{_MAX_FPS} to {_MAX_FPS}")
    return ratio
