"""How a family places a segment in its take: the value, its type, and what can be asked of it."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from attrs import frozen

from longtake.errors import PluginError
from longtake.families.family import ModelFamily
from longtake.families.takes import TakeSpan, TakeState
from longtake.requests.request import Job
from longtake.schema.references import resolve

__all__ = ["MeasuredTake", "Placing", "SegmentPlace", "placing_of"]


@runtime_checkable
class SegmentPlace(Protocol):
    """What a family's place of a segment should answer, so that files know where it belongs."""

    @property
    def first_new_frame(self) -> int:
        """The frame of the take with which the segment's new ones begin."""
        ...

    @property
    def repeated_frames(self) -> int:
        """How many of the segment's frames are those of the segment before."""
        ...

    def num_frames_for(self, new_frames: int) -> int:
        """How many frames a segment has here that adds ``new_frames``, or as close to it as can be.

        A family that makes only certain lengths takes the next one below, but at least its
        shortest.
        """
        ...


@runtime_checkable
class MeasuredTake(Protocol):
    """What a typed state should answer, so that the end of its take knows where it belongs."""

    @property
    def end_frame(self) -> int | None:
        """How many frames the take has so far; None when the state does not say."""
        ...


@frozen
class Placing:
    """``place``: ``(job, restored state or None) -> value``. ``makes``: the type of the value."""

    place: Callable[[Job, Any], Any]
    makes: type


def placing_of(family: ModelFamily) -> Placing | None:
    """How ``family`` places segments: as it says, or by `TakeSpan`, or not at all.

    Raises `PluginError` for a ``place`` whose return annotation names no class.
    """
    if family.place is None:
        state = family.state_type
        if state is not None and issubclass(state, TakeState):
            return Placing(TakeSpan.of, TakeSpan)
        return None
    place: Any = resolve(family.place)
    try:
        made = typing.get_type_hints(place).get("return")
    except (NameError, TypeError) as error:
        raise PluginError(f"family {family.name!r}: cannot read its place: {error}") from error
    if not isinstance(made, type) or made is type(None):
        raise PluginError(
            f"family {family.name!r}: the return annotation of its place must name a class, "
            f"is {made!r}"
        )
    return Placing(place, made)
