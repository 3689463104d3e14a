"""``"package.module:attribute"``: how heavy things are named without importing them."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from longtake.errors import PluginError
from longtake.schema.frozen import Frozen

__all__ = ["Reference", "resolve"]


class Reference(Frozen):
    """A value that is imported only when it is used, e.g. a preset default kept elsewhere.

    ``target`` is ``"package.module:attribute"``.
    """

    __slots__ = ("target",)

    def __init__(self, target: str) -> None:
        self.target: Final = target

    def resolve(self) -> object:
        """Import the module and return the attribute. Raises `PluginError` when it is not there."""
        return resolve(self.target)


def resolve(target: object) -> object:
    """The object that ``target`` names; anything but a string is returned as it is."""
    if not isinstance(target, str):
        return target
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise PluginError(f"{target!r} is not a reference of the form 'package.module:attribute'")
    try:
        value: object = import_module(module_name)
        for name in attribute.split("."):
            value = getattr(value, name)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"cannot import {target!r}: {error}") from error
    return value
