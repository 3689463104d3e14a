"""Values that a plugin declares: frozen, compared by their fields, and quick to import.

A listing starts anew each time and imports the classes of all that plugins declare, so these are
written out: attrs, which all other values are made with, compiles methods for each of its classes
at every start. That and its own import took a third of ``longtake families``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Frozen", "fields_of"]


class Frozen:
    """A value whose fields are set once, by its constructor, and never change.

    ::

        class Paper(lt.Frozen):
            __slots__ = ("width", "colour")

            def __init__(self, width: int, colour: str = "white") -> None:
                self.width: Final = width
                self.colour: Final = colour

    The fields are those that ``__slots__`` names, and the constructor takes each by its name, less
    the underscores at its beginning. Two values of one class are equal where all fields are. A
    value can be pickled and copied, and hashed where its fields can. ``unshown``, an argument of
    the class, names fields that ``repr`` leaves out.

    Listings start sooner with what is declared like this than with attrs classes. Setting or
    deleting an attribute raises `AttributeError`.
    """

    __slots__ = ("__weakref__",)

    _fields: ClassVar[tuple[str, ...]] = ()
    _shown: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, unshown: Collection[str] = (), **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        own = tuple(cls.__dict__.get("__slots__", ()))
        cls._fields = (*cls._fields, *own)
        cls._shown = (*cls._shown, *(name for name in own if name not in unshown))

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self._fields:
            known = ", ".join(self._fields) or "none"
            raise AttributeError(f"{type(self).__name__} has no field {name!r}; fields: {known}")
        if hasattr(self, name):
            raise AttributeError(self._unchanging(name))
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(self._unchanging(name))

    def _unchanging(self, name: str) -> str:
        kind, given = type(self).__name__, name.lstrip("_")
        return f"{kind}.{name} never changes; evolve({given}=...) makes another {kind}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frozen) or type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._fields)

    def __hash__(self) -> int:
        return hash((type(self), *fields_of(self).values()))

    def __repr__(self) -> str:
        kind = type(self).__qualname__.rpartition(">.")[2]
        return f"{kind}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._shown)})"

    def evolve(self, **changes: Any) -> Self:
        """Another value with ``changes``, which are checked as for a new one.

        Raises what the constructor raises, `TypeError` for a name that it does not take.
        """
        given = {name.lstrip("_"): value for name, value in fields_of(self).items()}
        return type(self)(**{**given, **changes})

    def __replace__(self, /, **changes: Any) -> Self:
        """``copy.replace`` of Python 3.13."""
        return self.evolve(**changes)


def fields_of(value: Frozen) -> dict[str, Any]:
    """The fields of ``value`` by their names, in the order of ``__slots__``."""
    return {name: getattr(value, name) for name in value._fields}
