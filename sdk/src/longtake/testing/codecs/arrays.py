"""Arrays inside typed states: numbers that no model makes are refused, whatever else is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import attrs
import numpy as np
import pytest

import longtake as lt
from longtake.testing.codecs.fixtures import CodecFixtures, Sample
from longtake.testing.codecs.reading import Failed, attempt, is_refusal, read
from longtake.testing.codecs.stores import RecordingStore
from longtake.testing.complaining import fail_for

__all__ = ["ArrayContract"]

Rebuilt = Callable[[Any], Any]
"""The typed state with another array in that place."""


class ArrayContract(CodecFixtures):
    """A codec writes its own digests, so an array with NaN in it looks whole; it is no state."""

    def test_absurd_numbers_in_arrays_are_refused(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        found = [
            (path, array, rebuilt)
            for sample in samples
            for path, array, rebuilt in _arrays(sample.value, "state", lambda value: value)
        ]
        if not found:
            pytest.skip("the typed states have no arrays of floating-point numbers")
        wrong = [
            f"{path} with {number!r} in it {problem}"
            for path, array, rebuilt in found
            for number in _absurd(array)
            if (problem := _problem(codec, rebuilt, _with_number(array, number)))
        ]
        fail_for(
            "NaN, infinity and the largest number of the dtype are no values of a model; refuse "
            "them where a state is written or read",
            wrong,
        )


def _problem(codec: lt.ContinuationCodec[Any], rebuilt: Rebuilt, array: Any) -> str | None:
    """What is wrong with what becomes of a typed state with ``array``, inline and in a store."""
    value = attempt(lambda: rebuilt(array))
    if isinstance(value, Failed):
        return _unless_refused(value)
    for blobs in (None, RecordingStore()):
        state = attempt(partial(codec.encode, value, blobs))
        if isinstance(state, Failed):
            problem = _unless_refused(state)
        else:
            again = lt.ContinuationState.from_json(state.to_json())
            back = read(codec, again, blobs)
            problem = back.complaint if isinstance(back, Failed) else "is written and read"
        if problem:
            return problem
    return None


def _unless_refused(failed: Failed) -> str | None:
    refused = isinstance(failed.error, lt.ValidationError) or is_refusal(failed.error)
    return None if refused else f"raises {failed.text}"


def _arrays(value: Any, path: str, rebuilt: Rebuilt) -> Iterator[tuple[str, Any, Rebuilt]]:
    """The arrays of floating-point numbers in a typed state; of a list those of its first item."""
    if attrs.has(type(value)):
        for each in attrs.fields(type(value)):
            if each.init:
                name = each.alias or each.name

                def evolved(new: Any, name: str = name) -> Any:
                    return rebuilt(attrs.evolve(value, **{name: new}))

                yield from _arrays(getattr(value, each.name), f"{path}.{each.name}", evolved)
    elif isinstance(value, list | tuple) and value:

        def changed(new: Any) -> Any:
            return rebuilt(type(value)([new, *value[1:]]))

        yield from _arrays(value[0], f"{path}[0]", changed)
    elif isinstance(value, dict):
        for key in value:

            def put(new: Any, key: Any = key) -> Any:
                return rebuilt({**value, key: new})

            yield from _arrays(value[key], f"{path}.{key}", put)
    elif _is_tensor(value) and _size(value):
        yield path, value, rebuilt


def _is_tensor(value: Any) -> bool:
    """Whether it is an array or a tensor of floating-point numbers."""
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "f")
    return hasattr(value, "is_floating_point") and bool(value.is_floating_point())


def _size(array: Any) -> int:
    return int(array.size if isinstance(array, np.ndarray) else array.numel())


def _absurd(array: Any) -> tuple[float, ...]:
    library = import_module(type(array).__module__.partition(".")[0])
    largest = float(library.finfo(array.dtype).max)
    return (float("nan"), float("inf"), float("-inf"), largest, -largest)


def _with_number(array: Any, number: float) -> Any:
    """A copy with ``number`` in the middle."""
    changed = array.copy() if isinstance(array, np.ndarray) else array.detach().clone()
    flat = changed.reshape(-1)
    flat[_size(array) // 2] = number
    return flat.reshape(changed.shape)
