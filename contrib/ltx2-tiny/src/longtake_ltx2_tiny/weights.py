"""Where the weights are."""

from __future__ import annotations

from pathlib import Path

__all__ = ["checkpoint", "example"]


def checkpoint() -> Path:
    """The folder of the checkpoint, in diffusers' layout; it is for the preset ``ltx2_shapes``."""
    return Path(__file__).with_name("checkpoint")


def example(folder: Path) -> Path:
    """What `longtake.Extension` asks for: the weights lie here, and ``folder`` stays empty."""
    return checkpoint()
