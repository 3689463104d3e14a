"""JSON Schema (2020-12) of attrs classes: what `longtake.schema.wire` accepts, for forms and HTTP.

Imports nothing heavy, so that a listing may show schemas.
"""

from __future__ import annotations

import base64
import inspect
import math
import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any, Literal

import attrs

from longtake.errors import PluginError, shown
from longtake.schema.keywords import END, keywords_of, refuses_none
from longtake.schema.records import check_record

__all__ = ["json_schema", "without_none"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_RATIO = rf"^(?:[0-9]{{1,9}}/(?!0+{END})[0-9]{{1,9}}|[0-9]{{1,9}}(?:\.[0-9]{{1,9}})?){END}"
_BASE64 = rf"^(?:[A-Za-z0-9+/]{{4}})*(?:[A-Za-z0-9+/]{{2}}==|[A-Za-z0-9+/]{{3}}=)?{END}"

_FACTORY: Any = attrs.Factory  # a class, which its type hints call a function
_UNIONS = (typing.Union, types.UnionType)
_SCALARS: Mapping[Any, Mapping[str, Any]] = {
    Any: {},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bytes: {"type": "string", "contentEncoding": "base64", "pattern": _BASE64},
    Fraction: {"anyOf": [{"type": "number"}, {"type": "string", "pattern": _RATIO}]},
    dict[str, Any]: {"type": "object"},
}


def json_schema(cls: type, *, defaults: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the documents from which an attrs class is made.

    Accepts what the strict converter accepts: no unknown field, no bool for a number, an integer
    where a float is meant. Bounds come from the fields' validators: `between`, `unique`, those of
    ``attrs.validators`` that compare numbers, lengths and choices, `SupportsSchema`, and
    ``matches_re`` where ECMA-262, whose patterns a schema has, can say it: without flags.
    ``metadata={"help": ...}`` of a field is its description. ``defaults``: shown instead of the
    class's own, by field.

    It says more than JSON can where both are the same number there: 3.0 is an integer for a
    schema, but a float for Python, which refuses it; and numbers beyond a double are refused. A
    bound on a `fractions.Fraction` is for numbers, texts such as ``"24000/1001"`` are checked for
    their form. Other validators, such as those over several fields, are not in the schema.

    Raises `PluginError` for a class that has no such documents.
    """
    if not attrs.has(cls):
        raise PluginError(f"there is no schema of {cls!r}: it is not an attrs class")
    return {"$schema": _DIALECT, **_record(cls, defaults or {}, ())}


def _record(cls: type, defaults: Mapping[str, Any], above: tuple[type, ...]) -> dict[str, Any]:
    if cls in above:
        raise PluginError(f"there is no schema of {cls.__name__}: it contains itself")
    try:
        attrs.resolve_types(cls)
    except NameError as error:
        problem = f"its annotations cannot be read: {error}"
        raise PluginError(f"there is no schema of {cls.__name__}: {problem}") from error
    check_record(cls)
    fields = [field for field in attrs.fields(cls) if field.init]
    documented = {"description": _summary(cls)} if cls.__doc__ else {}
    required = [f.name for f in fields if f.default is attrs.NOTHING and f.name not in defaults]
    return {
        "title": cls.__name__,
        **documented,
        "type": "object",
        "properties": {f.name: _field(cls, f, defaults, (*above, cls)) for f in fields},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _summary(cls: type) -> str:
    """The first paragraph of the class's documentation, in one line."""
    return " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split())


def _field(
    cls: type, field: attrs.Attribute[Any], defaults: Mapping[str, Any], above: tuple[type, ...]
) -> dict[str, Any]:
    hint: Any = Any if field.type is None else field.type
    if refuses_none(field.validator):
        hint = without_none(hint)
    schema = _of_type(hint, f"{cls.__name__}.{field.name}", above)
    kinds = _kind(schema), _kind(schema.get("items", {}))
    for keywords in keywords_of(field.validator, *kinds, where=f"{cls.__name__}.{field.name}"):
        _narrow(schema, keywords)
    if "help" in field.metadata:
        schema["description"] = field.metadata["help"]
    with suppress(TypeError):  # none at all, or nothing that JSON can say
        schema["default"] = _plain(_made(defaults.get(field.name, field.default)))
    return schema


def _made(default: Any) -> Any:
    is_factory = isinstance(default, _FACTORY) and not default.takes_self
    return default.factory() if is_factory else default


def _of_type(hint: Any, where: str, above: tuple[type, ...]) -> dict[str, Any]:
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if attrs.has(hint):
        return _record(hint, {}, above)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in _UNIONS and type(None) in arguments:
        inner = without_none(hint)
        if typing.get_origin(inner) not in _UNIONS:
            return _nullable(_of_type(inner, where, above))
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list or (origin is tuple and arguments[-1] is ...):
        return {"type": "array", "items": _of_type(arguments[0], where, above)}
    if origin is tuple:
        items = [_of_type(argument, where, above) for argument in arguments]
        size = {"minItems": len(items), "maxItems": len(items)}
        return {"type": "array", "prefixItems": items, **size}
    if origin is dict and arguments[0] is str:
        return {"type": "object", "additionalProperties": _of_type(arguments[1], where, above)}
    raise PluginError(f"{where}: there is no schema of the type {hint!r}")


def without_none(hint: Any) -> Any:
    """``X`` for the type ``X | None``; any other as it is."""
    if typing.get_origin(hint) not in _UNIONS:
        return hint
    arms = tuple(arm for arm in typing.get_args(hint) if arm is not type(None))
    return typing.Union[arms]  # noqa: UP007  # of arms that are only known now


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    return {"anyOf": [*schema["anyOf"], {"type": "null"}]} if schema else {}


def _kind(schema: Any) -> str:
    """The JSON type, None aside; "" where JSON says a value in another way than it is compared."""
    if schema is False or "contentEncoding" in schema:
        return ""
    if "enum" in schema:
        return "choice"
    kind = schema.get("type", "")
    return str(kind[0] if isinstance(kind, list) else kind)


def _narrow(schema: dict[str, Any], keywords: Mapping[str, Any]) -> None:
    """Accept only what the keywords accept too."""
    for key, value in keywords.items():
        is_beyond = key == "items" and "prefixItems" in schema  # there it means the items after
        if key not in schema and not is_beyond:
            schema[key] = value
        elif key == "items" and not is_beyond:
            _narrow(schema[key], value)
        else:
            schema.setdefault("allOf", []).append({key: value})


def _plain(value: Any) -> Any:
    """As JSON says it. Raises `TypeError` for what JSON cannot say."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if attrs.has(type(value)):
        given = attrs.asdict(value, recurse=False, filter=lambda field, _: field.init)
        return {name: _plain(item) for name, item in given.items()}
    raise TypeError(f"{shown(value)} is not JSON")
