"""A small LTX-2 checkpoint with random weights, for the demo and the tests; imported when used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtake_ltx2.tiny.checkpoint import write_tiny_checkpoint as write_tiny_checkpoint
    from longtake_ltx2.tiny.lora import write_tiny_lora as write_tiny_lora
    from longtake_ltx2.tiny.sizes import LARGER as LARGER
    from longtake_ltx2.tiny.sizes import TINY as TINY
    from longtake_ltx2.tiny.sizes import Generation as Generation
    from longtake_ltx2.tiny.sizes import TinySize as TinySize
else:
    _HOMES = {
        "LARGER": "sizes",
        "TINY": "sizes",
        "Generation": "sizes",
        "TinySize": "sizes",
        "write_tiny_checkpoint": "checkpoint",
        "write_tiny_lora": "lora",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "LARGER",
    "TINY",
    "Generation",
    "TinySize",
    "write_tiny_checkpoint",
    "write_tiny_lora",
]
