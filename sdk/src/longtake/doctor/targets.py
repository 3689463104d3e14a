"""What the records of a plugin name by ``"package.module:attribute"``: found, and imported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeGuard

from attrs import frozen

from longtake.doctor.values import Problem
from longtake.errors import MissingDependencyError, PluginError, shown, text_of
from longtake.families.presets import Preset
from longtake.plugins.loading import Plugin, reason
from longtake.schema.declared import is_target
from longtake.schema.frozen import Frozen, fields_of
from longtake.schema.references import Reference, resolve

__all__ = ["Target", "named_by", "targets_in", "try_target"]

_CALLED = {"ModelFamily": "family", "BlobBackend": "blob store"}
"""What people call a record; another one by the words of its class."""


@frozen
class Target:
    """Something that is named to be imported later.

    ``place``: the record and the field, e.g. ``"family 'fog': stages[1].stage"``. ``is_called``:
    whether the field takes a callable.
    """

    place: str
    name: str
    is_called: bool = False

    def __str__(self) -> str:
        return f"{self.place} {self.name!r}"


def named_by(plugin: Plugin) -> Iterator[Target]:
    """The targets of everything that ``plugin`` provides, whatever records there are."""
    for provided in fields_of(plugin).values():
        for record in provided if isinstance(provided, tuple) else ():
            if _is_record(record):
                yield from _of_record(record, f"{_title(record)}: ")


def targets_in(value: object, where: str) -> Iterator[Target]:
    """The targets of the records in ``value``, a record or a tuple of some."""
    return _within(value, where, _Takes())


def try_target(target: Target) -> Problem | None:
    """Import it; what is wrong when that fails, or when it cannot be called and should be."""
    try:
        found = resolve(target.name)
    except KeyboardInterrupt:  # the user's
        raise
    except BaseException as error:  # isolation: whatever importing it raises is what is reported
        return Problem("targets", f"{target}: {_why(error)}", _lacking(error))
    if target.is_called and not callable(found):
        return Problem("targets", f"{target}: it is {shown(found)}, which cannot be called")
    return None


def _title(record: Frozen) -> str:
    kind = type(record).__name__
    words = " ".join(re.findall("[A-Z]+[a-z0-9]*", kind)).lower()
    name = next(iter(fields_of(record).values()))
    return f"{_CALLED.get(kind, words)} {shown(name)}"


def _is_record(value: object) -> TypeGuard[Frozen]:
    """Whether it is one of Longtake's own: what is in a plugin's classes is not known here."""
    return isinstance(value, Frozen) and type(value).__module__.partition(".")[0] == "longtake"


@frozen
class _Takes:
    """What a text in a field means. ``target``: something to import, which ``is_called``."""

    target: bool = False
    is_called: bool = False


def _of_record(record: Frozen, where: str) -> Iterator[Target]:
    for name, value in fields_of(record).items():
        yield from _within(value, f"{where}{name}", _taken_by(record, name.lstrip("_"), value))


def _within(value: object, where: str, takes: _Takes) -> Iterator[Target]:
    if isinstance(value, str):
        if takes.target and is_target(value):
            yield Target(where, value, takes.is_called)
    elif isinstance(value, Reference):
        yield Target(where, value.target)
    elif _is_record(value):
        yield from _of_record(value, f"{where}.")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _within(item, f"{where}.{key}", takes)
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            key = repr(item.name) if isinstance(item, Preset) else index
            yield from _within(item, f"{where}[{key}]", takes)


def _taken_by(record: Frozen, parameter: str, value: object) -> _Takes:
    """A text names something where it stands for something else, or where no other text may be."""
    annotation = str(type(record).__init__.__annotations__[parameter])
    is_alternative = "|" in re.sub(r"\| *None|None *\|", "", annotation)
    return _Takes(
        target=is_alternative or (isinstance(value, str) and _refuses_texts(record, parameter)),
        is_called="Callable" in annotation,
    )


def _refuses_texts(record: Frozen, parameter: str) -> bool:
    try:
        record.evolve(**{parameter: "text"})
    except Exception:  # isolation: whatever it raises, it refuses it
        return True
    return False


def _why(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, PluginError) and error.__cause__ else error
    plain = isinstance(cause, ImportError | AttributeError)
    return " ".join(text_of(cause).split()) if plain else reason(cause)


def _lacking(error: BaseException) -> str | None:
    """The package that is not there to be imported, if that is why."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MissingDependencyError):
            return cause.package
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            return cause.name.partition(".")[0]
        cause = cause.__cause__
    return None
