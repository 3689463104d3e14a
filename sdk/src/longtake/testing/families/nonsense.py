"""Values that an option's schema refuses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["nonsense_for"]

_OF_TYPE: Mapping[str, Any] = {
    "boolean": True,
    "string": "nonsense",
    "array": ["nonsense"],
    "object": {"nonsense": "nonsense"},
    "null": None,
}


def nonsense_for(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Of a wrong type, no number, beyond the bounds, no choice. At least one of them."""
    if not schema.keys() - {"default", "description"}:  # anything goes, except this
        yield _OF_TYPE["object"]
        return
    if "enum" in schema:
        others: list[Any] = ["nonsense", ["nonsense"], {}]
        yield from (each for each in others if each not in schema["enum"])
        return
    kinds = _kinds(schema)
    yield from (value for kind, value in _OF_TYPE.items() if kind not in kinds)
    if kinds & {"integer", "number"}:
        yield from (math.nan, math.inf, -math.inf)
    if "integer" in kinds:
        yield 1.5
    if "number" in kinds and "string" in kinds:
        yield from ("nonsense", "1/0")  # a ratio
    yield from _beyond(schema)
    if "array" in kinds and isinstance(schema.get("items"), Mapping):
        yield from ([each] for each in nonsense_for(schema["items"]))


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    if "anyOf" in schema:
        return set().union(*(_kinds(each) for each in schema["anyOf"]))
    kinds = schema.get("type", [*_OF_TYPE, "integer", "number"])
    return set(kinds) if isinstance(kinds, list) else {kinds}


def _beyond(schema: Mapping[str, Any]) -> Iterator[Any]:
    whole = "integer" in _kinds(schema)
    if "minimum" in schema:
        yield _stepped(schema["minimum"], -1, whole)
    if "maximum" in schema:
        yield _stepped(schema["maximum"], 1, whole)
    yield from (schema[name] for name in ("exclusiveMinimum", "exclusiveMaximum") if name in schema)
    if schema.get("minLength"):
        yield ""
    if "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if schema.get("minItems"):
        yield []


def _stepped(bound: float, direction: int, whole: bool) -> float:
    return int(bound) + direction if whole else bound + direction * max(1.0, abs(bound)) / 8
