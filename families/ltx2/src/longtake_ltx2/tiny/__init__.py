"""A small LTX-2 checkpoint with random weights, for the demo and the tests."""

from __future__ import annotations

from longtake_ltx2.tiny.checkpoint import LARGER, TINY, Generation, TinySize, write_tiny_checkpoint
from longtake_ltx2.tiny.lora import write_tiny_lora

__all__ = [
    "LARGER",
    "TINY",
    "Generation",
    "TinySize",
    "write_tiny_checkpoint",
    "write_tiny_lora",
]
