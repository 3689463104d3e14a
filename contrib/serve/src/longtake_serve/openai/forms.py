"""What clients of OpenAI's API send: a document as JSON, or as a form whose texts become values."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

import longtake as lt
from longtake_serve.http.bodies import json_body, pieces_of
from longtake_serve.http.errors import BadBody, NotJson

__all__ = ["sent_document"]

_FORM = "multipart/form-data"
_NAME = re.compile(r"([^\[\]]{1,100})((?:\[[^\[\]]{1,100}\]){0,8})")
_MOST_FIELDS = 200
_KINDS: Mapping[type, Collection[str]] = {
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    str: ("string",),
    list: ("array",),
    dict: ("object",),
    type(None): ("null",),
}


async def sent_document(
    request: Request, most: int, schema: dict[str, Any], *, files: Collection[str] = ()
) -> dict[str, Any]:
    """The body, at most ``most`` bytes: JSON, or a form of which ``a[b]`` is a part of ``a``.

    ``schema``: JSON Schema of the document, by which the texts of a form become numbers and truth
    values; objects and lists may be JSON texts there. ``files``: fields of a form that may be a
    file, whose bytes stand in the document. Raises `NotJson`, `BadBody`, and as `pieces_of`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return await json_body(request, most)
    if kind != _FORM:
        raise NotJson("body", f"must be JSON or a form; send application/json or {_FORM}")
    # pieces_of is a generator, which the parser closes with the request
    pieces = cast(AsyncGenerator[bytes, None], pieces_of(request, most, "body"))
    parser = MultiPartParser(
        request.headers, pieces, max_files=1, max_fields=_MOST_FIELDS, max_part_size=most
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadBody("body", f"is no form: {error.message}") from None
    try:
        return await run_in_threadpool(_document, form, schema, files)
    finally:
        await form.close()


def _document(form: FormData, schema: dict[str, Any], files: Collection[str]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in form.multi_items():
        found = _NAME.fullmatch(name)
        if found is None:
            problem = "is no field of a form; parts are called a[b], and lists are JSON texts"
            raise BadBody(name[:200], problem)
        names = [found[1], *re.findall(r"\[([^\]]+)\]", found[2])]
        _put(document, names, _value(name, value, _schema_at(schema, names), files))
    return document


def _put(document: dict[str, Any], names: list[str], value: object) -> None:
    """Let ``value`` stand in the document under ``names``."""
    inner: Any = document
    for name in names[:-1]:
        inner = inner.setdefault(name, {}) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or names[-1] in inner:
        raise BadBody(".".join(names), "is there twice; send it once, or a list as a JSON text")
    inner[names[-1]] = value


def _value(
    name: str, value: str | UploadFile, schema: dict[str, Any], files: Collection[str]
) -> object:
    if isinstance(value, str):
        return _typed(value, schema)
    if name not in files:
        raise lt.ValidationError(name[:200], "is a file; send it as a text")
    return value.file.read()


def _schema_at(schema: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The schema of the part, empty where nothing is known of it."""
    for name in names:
        others = schema.get("additionalProperties")
        schema = schema.get("properties", {}).get(name, others if isinstance(others, dict) else {})
    return schema


def _typed(text: str, schema: dict[str, Any]) -> object:
    """What a text says, where its schema wants no text; else the text, which is then refused."""
    kinds = _kinds_of(schema)
    if kinds == {"string"}:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    wanted = not kinds or kinds.intersection(_KINDS[type(value)])
    return value if wanted else text


def _kinds_of(schema: dict[str, Any]) -> set[str]:
    named = schema.get("type", [])
    kinds = {named} if isinstance(named, str) else set(named)
    return kinds.union(*(_kinds_of(each) for each in schema.get("anyOf", [])))
