"""Documents near to those of an instance, and whether its class or its schema takes them."""

from __future__ import annotations

import json
from typing import Any

import attrs
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import longtake as lt
from longtake.schema.wire import structure, unstructure


def is_accepted_by_schema(cls: type, document: object) -> bool:
    return bool(Draft202012Validator(lt.json_schema(cls)).is_valid(document))


def is_accepted(cls: type, document: object) -> bool:
    try:
        structure(document, cls)
    except lt.ValidationError:
        return False
    return True


numbers = st.integers(-2, 12) | st.floats(-2, 2).filter(lambda x: not x.is_integer())
"""No 3.0: JSON takes it for 3, Python does not."""
texts = st.sampled_from(
    [
        *("", "fast", "fine", "slow", "never", "most", "ab", "abc", "abcd", "💨💨💨"),
        *("24", "24000/1001", "1/0", "1/00", "0/1", "24\n", " 24", "-1", "1.5", "1e3", "٣"),
        *("Zm9n", "Zm9", "Zm9=", "Zg==", "Zg==\n", "Zm9nZ===", "Zm9n=", "Zm 9"),
    ]
) | st.text(max_size=4)
scalars = st.none() | st.booleans() | numbers | texts
points = st.fixed_dictionaries(
    {}, optional={"x": scalars, "y": st.none() | numbers, "other": scalars}
)
values = st.one_of(
    scalars,
    points,
    st.lists(scalars, max_size=4),
    st.lists(points, max_size=2),
    st.lists(st.integers(-1, 3), max_size=4),
    st.dictionaries(st.sampled_from("ab"), scalars, max_size=2),
    st.dictionaries(st.sampled_from("ab"), points, max_size=2),
)


def document_of(instance: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(unstructure(instance)))
    return document


def names_of(instance: Any) -> list[str]:
    """Without the bounded ratio, of whose texts a schema knows the form alone."""
    return [field.name for field in attrs.fields(type(instance)) if field.name != "fps"]


@st.composite
def near_documents(draw: st.DrawFn, instance: object) -> object:
    """The document of an instance with a few fields put in, replaced, or left out."""
    document = document_of(instance)
    names = names_of(instance)
    for name in draw(st.lists(st.sampled_from([*names, "unknown"]), max_size=3)):
        if draw(st.integers(0, 9)):
            document[name] = draw(values)
        else:
            document.pop(name, None)
    return document
