"""How values become JSON for clients, and their schemas; what the query says as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import longtake as lt

__all__ = ["between", "list_of", "number_in", "page", "request_schema", "schema_of"]


def schema_of(cls: type, defaults: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON Schema of an attrs class, as a part of a larger one; as `longtake.json_schema`."""
    schema = lt.json_schema(cls, defaults=defaults)
    del schema["$schema"]
    return schema


def list_of(item: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of what `page` makes."""
    fields = {"data": {"type": "array", "items": item}, "has_more": {"type": "boolean"}}
    return {"type": "object", "properties": fields, "required": [*fields]}


def page(items: Sequence[object], *, has_more: bool) -> Response:
    """A part of a list. ``has_more``: whether there may be more behind it."""
    return JSONResponse({"data": [lt.unstructure(each) for each in items], "has_more": has_more})


def request_schema(family: lt.ModelFamily, preset: lt.Preset) -> dict[str, Any]:
    """The JSON Schema of requests to the preset of a family: without a state.

    ``stage_overrides`` has the options of its stages. What a new take gets where a field is left
    out stands there as its ``examples``: a take that goes on may have another value.
    """
    schema = lt.json_schema(lt.GenerationRequest)
    fields: dict[str, Any] = schema["properties"]
    del fields["state"]
    defaults = {**family.defaults, **preset.defaults}
    for name, field in [*fields.items(), *fields["sampling"]["properties"].items()]:
        if isinstance(defaults.get(name), bool | int | float | str):
            field["examples"] = [defaults[name]]
    stages = {}
    for spec in family.recipe(preset):
        if (options := spec.options_class()) is not None:
            followed = {name: defaults[name] for name in spec.followed_fields() & {*defaults}}
            values = {**spec.defaults, **followed, **preset.stage_defaults.get(spec.name, {})}
            stages[spec.name] = schema_of(options, values)
    if stages:
        fields["stage_overrides"]["properties"] = stages
    return schema


def between(low: int, high: int) -> dict[str, Any]:
    """The JSON Schema of an integer."""
    return {"type": "integer", "minimum": low, "maximum": high}


def number_in(request: Request, name: str, default: int, low: int, high: int) -> int:
    """The integer of the query. Raises `longtake.ValidationError` with its name as the path."""
    text = request.query_params.get(name)
    if text is None:
        return default
    digits = text.isascii() and text.isdecimal() and len(text) <= 12
    if not digits or not low <= int(text) <= high:
        raise lt.ValidationError(name, f"is {text[:50]!r}; must be an integer, {low} to {high}")
    return int(text)
