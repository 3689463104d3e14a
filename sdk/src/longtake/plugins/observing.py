"""The observers of a pipeline: which of the declared ones are wanted, and with which options."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from attrs import frozen

from longtake.errors import UnknownNameError, ValidationError, shown
from longtake.plugins.registry import Registry
from longtake.runs.declared import Observer
from longtake.runs.observers import close_observers

__all__ = ["Watching", "observers_for"]

logger = logging.getLogger("longtake.observers")  # documented, so it stays as it is

_Told: TypeAlias = Callable[..., None]


@frozen
class Watching:
    """Who is told of a pipeline. ``given``: as plugins gave them; ``made``: for this pipeline."""

    given: tuple[_Told, ...]
    made: tuple[_Told, ...]


@frozen
class _Wanted:
    """An observer that is to be made. ``path``: of its configuration, None without any."""

    observer: Observer
    path: str | None
    said: Any


@contextmanager
def observers_for(
    registry: Registry, given: Mapping[str, Any] | None, environment: Mapping[str, Any]
) -> Iterator[Watching]:
    """Who is to be told of a new pipeline; those that are made are closed where the block fails.

    ``given``: of `load`, by the names of observers; ``environment``: ``LONGTAKE_OBSERVERS``, for
    what ``given`` does not name. Raises `ValidationError` for a wrong configuration and
    `NameClashError` for a name in dispute. An observer that cannot be made is logged and left out.
    """
    declared = [each for each in registry.observers if isinstance(each, Observer)]
    bare = tuple(each for each in registry.observers if not isinstance(each, Observer))
    said = {
        **_named(registry, environment, "LONGTAKE_OBSERVERS"),
        **_named(registry, given, "observers"),
    }
    wanted = [_Wanted(each, *said.get(each.name, (None, {}))) for each in declared]
    ready = [(each, _options(each)) for each in wanted if each.said is not False]
    made: list[_Told] = []
    try:
        for each, options in ready:
            if options is not _LEFT_OUT and (observer := _made(each, options)) is not None:
                made.append(observer)
        yield Watching(bare, tuple(made))
    except BaseException:
        close_observers(made)
        raise


_LEFT_OUT = object()
"""The options of an observer that cannot have any."""


def _named(
    registry: Registry, said: Mapping[str, Any] | None, where: str
) -> dict[str, tuple[str, Any]]:
    """By the names of observers, what is said of each, and its path."""
    if said is None:
        return {}
    if not isinstance(said, Mapping):
        raise ValidationError(where, f"is {shown(said)}; must be options by the observers' names")
    for name in said:
        try:
            registry.observer(str(name))
        except UnknownNameError as error:
            raise ValidationError(f"{where}.{name}", str(error)) from None
    return {name: (f"{where}.{name}", value) for name, value in said.items()}


def _options(wanted: _Wanted) -> Any:
    try:
        path = wanted.path or f"observers.{wanted.observer.name}"
        return wanted.observer.read_options(wanted.said, path)
    except ValidationError as error:
        if wanted.path is not None:
            raise
        return _left_out(wanted, error)
    except Exception as error:  # isolation: its options are a plugin's code
        return _left_out(wanted, error)


def _made(wanted: _Wanted, options: Any) -> _Told | None:
    """What is told the events; None where it cannot be made, or has nothing to do."""
    try:
        return wanted.observer.made(options)
    except KeyboardInterrupt:  # the user's, not the plugin's
        raise
    except ValidationError as error:
        if wanted.path is not None:
            below = error.path.removeprefix("options").removeprefix(".")
            path = f"{wanted.path}.{below}" if below else wanted.path
            raise ValidationError(path, error.problem) from error
        _left_out(wanted, error)
        return None
    except BaseException as error:  # isolation: an observer cannot hurt the pipeline
        _left_out(wanted, error)
        return None


def _left_out(wanted: _Wanted, error: BaseException) -> object:
    logger.error("observer %r cannot be made and is left out", wanted.observer.name, exc_info=error)
    return _LEFT_OUT
