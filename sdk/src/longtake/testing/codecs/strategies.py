"""Random typed states, made from what the fields of a state class say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import longtake as lt

__all__ = ["SETTINGS", "examples_of", "json_values", "states_of"]

T = TypeVar("T")

SETTINGS = settings(
    max_examples=50,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
"""Of all properties of the contracts: no test depends on the machine's speed, none on luck."""

_MOST = 2**53
"""Whole numbers that every reader of JSON keeps."""

_LOWS = {"minimum": 0, "exclusiveMinimum": 1}
_HIGHS = {"maximum": 0, "exclusiveMaximum": 1}

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-_MOST, _MOST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def states_of(cls: type[T]) -> st.SearchStrategy[T]:
    """States of an attrs class, within the bounds that its fields' validators say.

    Those are the bounds of `longtake.json_schema`. Raises `PluginError` for a class that has no
    schema, because it holds arrays for instance: such a codec's test gives its own strategy.
    """
    asked: Any = cls  # mypy takes no class for hashable
    return _states_of(asked)


@lru_cache(maxsize=32)  # one strategy of a class, so that its examples are drawn once
def _states_of(cls: Any) -> st.SearchStrategy[Any]:
    documents = _of_schema(lt.json_schema(cls))
    return documents.map(lambda document: _structured(document, cls)).filter(_is_state)


def _structured(document: Any, cls: type[T]) -> T:
    """The state; what validators over several fields refuse is filtered out."""
    try:
        state: T = lt.structure(document, cls)
    except lt.ValidationError:
        state = _REFUSED
    return state


_REFUSED: Any = object()


def _is_state(value: object) -> bool:
    return value is not _REFUSED


def examples_of(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """``count`` values of ``strategy``, the same every time; those last asked for are kept."""
    return list(_drawn(strategy, count))


@lru_cache(maxsize=32)  # drawing takes longer than most tests that look at what was drawn
def _drawn(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    found: list[T] = []

    @settings(SETTINGS, max_examples=count, phases=[Phase.generate])
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    collect()
    return found


def _of_schema(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:  # a ratio, and maybe None
        return _ratios(schema)
    if "type" not in schema:
        return json_values
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of(*(_of_kind(kind, schema) for kind in kinds))


def _of_kind(kind: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    match kind:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            low, high = _whole_bounds(schema)
            return st.sampled_from([low, high]) | st.integers(low, high)
        case "number":
            return _floats(schema)
        case "string":
            return _texts(schema)
        case "array":
            return _arrays(schema)
        case "object":
            return _objects(schema)
    pytest.fail(f"the contract does not know the JSON type {kind!r}")


def _whole_bounds(schema: Mapping[str, Any]) -> tuple[int, int]:
    lows = [schema[name] + above for name, above in _LOWS.items() if name in schema]
    highs = [schema[name] - below for name, below in _HIGHS.items() if name in schema]
    low = math.ceil(max(lows)) if lows else -_MOST
    high = math.floor(min(highs)) if highs else max(_MOST, low)
    return min(low, high), high


def _floats(schema: Mapping[str, Any]) -> st.SearchStrategy[float]:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    return st.floats(
        low if above is None else above,
        high if below is None else below,
        exclude_min=above is not None,
        exclude_max=below is not None,
        allow_nan=False,
        allow_infinity=False,
    )


def _ratios(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    low, high = _whole_bounds(schema)
    ratios = st.fractions(
        max(low, 0) + Fraction(1, 1001), max(min(high, 10**6), 1), max_denominator=1001
    )
    nullable = {"type": "null"} in schema["anyOf"]
    return ratios.map(str) | st.none() if nullable else ratios.map(str)


def _texts(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if "contentEncoding" in schema:
        return st.binary(min_size=least, max_size=200 if most is None else most)
    if "pattern" in schema:
        texts = st.from_regex(schema["pattern"], fullmatch=True)
        return texts.filter(lambda text: least <= len(text) and (most is None or len(text) <= most))
    return st.text(min_size=least, max_size=max(least, 40) if most is None else most)


def _arrays(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*map(_of_schema, schema["prefixItems"])).map(list)
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    unique_by = repr if schema.get("uniqueItems") else None
    return st.lists(
        _of_schema(schema["items"]),
        min_size=least,
        max_size=max(least, 5) if most is None else most,
        unique_by=unique_by,
    )


def _objects(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" in schema:
        parts = {name: _of_schema(each) for name, each in schema["properties"].items()}
        return st.fixed_dictionaries(parts)
    inner = schema.get("additionalProperties", {})
    return st.dictionaries(st.text(max_size=8), _of_schema(inner), max_size=4)
