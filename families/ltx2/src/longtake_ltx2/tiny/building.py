"""Making an object of a library whose constructors are not typed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def build(name: str, **config: Any) -> Any:
    """Make `name`, a class's full path."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)(**config)
