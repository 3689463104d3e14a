"""A schema accepts what the strict converter accepts, and refuses what it refuses."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import Any, Literal

import attrs
import pytest
from attrs import field, frozen, validators
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import longtake as lt
from tests.sdk.schema.documents import (
    document_of,
    is_accepted,
    is_accepted_by_schema,
    names_of,
    near_documents,
    values,
)
from tests.sdk.toy_family import DenoiseOptions


@frozen(kw_only=True)
class Scalars:
    """Every scalar, free and optional.

    What comes after the first paragraph is not for a form.
    """

    count: int = 1
    scale: float = field(default=0.5, metadata={"help": "How much."})
    name: str = "a"
    sure: bool = False
    rate: Fraction = Fraction(24000, 1001)
    data: bytes = b"fog"
    mode: Literal["fast", "fine"] = "fast"
    level: Literal[1, 2, "most"] = 1
    maybe_count: int | None = None
    maybe_scale: float | None = None
    maybe_name: str | None = None
    maybe_sure: bool | None = None
    maybe_rate: Fraction | None = None
    maybe_data: bytes | None = None
    maybe_mode: Literal["fast", "fine"] | None = None
    anything: Any = None


@frozen(kw_only=True)
class Point:
    x: int
    y: float = field(default=0.0, validator=lt.between(-1, 1))


@frozen
class Containers:
    point: Point
    blocks: tuple[int, ...] = ()
    pair: tuple[int, str] = (1, "a")
    points: list[Point] = field(factory=list)
    by_name: dict[str, int] = field(factory=dict)
    options: dict[str, Any] = field(factory=dict)
    maybe_point: Point | None = None
    maybe_blocks: tuple[float, ...] | None = None
    overrides: dict[str, dict[str, Any]] = field(factory=dict)
    maybe_items: tuple[int | None, ...] = ()


# Any, for the types of attrs' validators leave out None.
TWO_OR_THREE: Any = validators.in_((2, 3))
MAYBE_TWO_OR_THREE: Any = validators.optional(TWO_OR_THREE)
BELOW_ONE: Any = validators.lt(1)
SHARES: Any = validators.deep_iterable(lt.between(0, 1), validators.min_len(1))


@frozen(kw_only=True)
class Bounded:
    steps: int = field(default=3, validator=TWO_OR_THREE)
    maybe_steps: int | None = field(default=2, validator=MAYBE_TWO_OR_THREE)
    above: float = field(default=1.0, validator=validators.gt(0))
    below: float | None = field(default=0.5, validator=BELOW_ONE)
    share: float | None = field(default=None, validator=lt.between(0, 1))
    count: int = field(default=1, validator=[validators.ge(1), validators.le(9)])
    many: int = field(default=1, validator=lt.between(1))
    name: str = field(default="ab", validator=validators.max_len(3))
    names: tuple[str, ...] = field(default=(), validator=validators.max_len(2))
    some: dict[str, Any] = field(factory=lambda: {"a": 1}, validator=validators.min_len(1))
    blocks: tuple[int, ...] = field(
        default=(), validator=[validators.deep_iterable(validators.ge(0)), lt.unique()]
    )
    maybe_blocks: tuple[int, ...] | None = field(default=None, validator=lt.unique())
    pair: tuple[int, int] = field(
        default=(1, 2), validator=validators.deep_iterable(lt.between(0, 9))
    )
    mode: Literal["fast", "fine", "slow"] = field(
        default="fast", validator=validators.in_(("fast", "fine", "never"))
    )
    maybe_shares: tuple[float, ...] | None = field(
        default=None, validator=validators.optional(SHARES)
    )


@frozen
class Empty:
    pass


@frozen(kw_only=True)
class Inherited(Point):
    z: int = 1
    computed: int = field(init=False, default=3)


INSTANCES = [
    Scalars(),
    Containers(Point(x=1), blocks=(1, 2), points=[Point(x=2)], maybe_point=Point(x=3)),
    Bounded(blocks=(1, 2), maybe_shares=(0.5,)),
    Empty(),
    Point(x=1),
    Inherited(x=1),
    DenoiseOptions(),
    lt.Sampling(seed=1, height=8),
    lt.ImageInput(b"fog"),
]
CLASSES = [type(instance) for instance in INSTANCES]


@given(st.data())
def test_a_schema_accepts_exactly_what_the_converter_accepts(data: st.DataObject) -> None:
    instance = data.draw(st.sampled_from(INSTANCES))
    cls, document = type(instance), data.draw(near_documents(instance) | values)
    assert is_accepted_by_schema(cls, document) is is_accepted(cls, document)


@pytest.mark.parametrize("instance", [*INSTANCES[:3], *INSTANCES[-2:]])
@given(st.data())
def test_so_does_the_schema_of_each_field(instance: object, data: st.DataObject) -> None:
    cls = type(instance)
    name = data.draw(st.sampled_from(names_of(instance)))
    document = {**document_of(instance), name: data.draw(values)}
    assert is_accepted_by_schema(cls, document) is is_accepted(cls, document)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_schema_is_one_and_plain_json(cls: type) -> None:
    schema = lt.json_schema(cls)
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == cls.__name__


@pytest.mark.parametrize("cls", [Scalars, Bounded, DenoiseOptions])
def test_defaults_are_what_the_class_makes_of_nothing(cls: type) -> None:
    properties = lt.json_schema(cls)["properties"]
    assert {name: each["default"] for name, each in properties.items()} == document_of(cls())


def test_fields_say_what_they_are_and_which_are_required() -> None:
    schema = lt.json_schema(Containers)
    assert schema["required"] == ["point"]
    assert "default" not in schema["properties"]["point"]
    scalars = lt.json_schema(Scalars)
    assert scalars["description"] == "Every scalar, free and optional."
    assert scalars["properties"]["scale"]["description"] == "How much."
    assert "required" not in scalars


def test_defaults_may_be_those_of_a_preset() -> None:
    schema = lt.json_schema(Point, defaults={"x": 3, "y": Fraction(1, 3)})
    assert schema["properties"]["x"]["default"] == 3
    assert schema["properties"]["y"]["default"] == "1/3"
    assert "required" not in schema


def test_a_default_that_is_only_known_when_it_is_used_is_not_shown() -> None:
    schema = lt.json_schema(Point, defaults={"x": lt.Reference("no.such.module:NAME")})
    assert "default" not in schema["properties"]["x"]


def test_bounds_are_in_the_words_of_json_schema() -> None:
    fps = lt.json_schema(lt.Sampling)["properties"]["fps"]
    assert (fps["exclusiveMinimum"], fps["maximum"]) == (0, 1000)
    properties = lt.json_schema(Bounded)["properties"]
    assert properties["steps"]["enum"] == [2, 3]
    assert properties["share"] == {
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 1,
        "default": None,
    }
    assert properties["blocks"] == {
        "type": "array",
        "items": {"type": "integer", "minimum": 0},
        "uniqueItems": True,
        "default": [],
    }


@frozen
class Even:
    """A validator of somebody else's."""

    schema_keywords = {"multipleOf": 2}  # noqa: RUF012  # read, never changed

    def __call__(self, instance: object, attribute: attrs.Attribute[Any], value: int) -> None:
        if value % 2:
            raise ValueError("must be even")


@frozen
class WithOthers:
    even: int = field(default=2, validator=Even())
    odd: int = field(default=1, validator=lambda *_: None)
    ends: str = field(default="a", validator=validators.in_("abc"))
    rate: Fraction = field(default=Fraction(1), validator=validators.le(Fraction(1000)))


def test_validators_of_others_may_say_what_they_check() -> None:
    properties = lt.json_schema(WithOthers)["properties"]
    assert properties["even"]["multipleOf"] == 2
    assert properties["odd"] == {"type": "integer", "default": 1}
    assert properties["ends"] == {"type": "string", "default": "a"}
    assert properties["rate"]["maximum"] == 1000


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
@example(10**18 + 1)
def test_an_integer_is_taken_where_a_float_is_meant(value: float) -> None:
    assert is_accepted_by_schema(Point, {"x": 1, "y": value}) is (-1 <= value <= 1)


@frozen
class Endless:
    inner: Endless | None = None


@frozen
class Unreadable:
    inner: Missing  # type: ignore[name-defined]  # noqa: F821


@frozen
class Either:
    value: int | str = 1


@frozen
class ByNumber:
    value: dict[int, int] = field(factory=dict)


@pytest.mark.parametrize(
    ("cls", "word"),
    [
        (dict, "not an attrs class"),
        (Endless, "contains itself"),
        (Unreadable, "Missing"),
        (Either, r"Either\.value"),
        (ByNumber, r"ByNumber\.value"),
    ],
)
def test_what_has_no_documents_has_no_schema(cls: type, word: str) -> None:
    with pytest.raises(lt.PluginError, match=word):
        lt.json_schema(cls)


def test_a_request_has_a_schema() -> None:
    good = {"prompt": "fog", "sampling": {"seed": 1, "fps": "24000/1001"}}
    assert is_accepted_by_schema(lt.GenerationRequest, good)
    for bad in ({}, {"prompt": 3}, {"prompt": "fog", "sampling": {"sede": 1}}):
        assert not is_accepted_by_schema(lt.GenerationRequest, bad)


@attrs.frozen
class Patterns:
    whole: str = attrs.field(validator=validators.matches_re(r"[a-c]+|x"))
    start: str = attrs.field(validator=validators.matches_re(r"ab|c", func=re.match))
    inside: str = attrs.field(validator=validators.matches_re(r"b|c", func=re.search))
    maybe: str | None = attrs.field(
        default=None, validator=validators.optional(validators.matches_re("ab?"))
    )


@pytest.mark.parametrize("name", ["whole", "start", "inside", "maybe"])
@pytest.mark.parametrize(
    "text", ["", "a", "ab", "abc", "xa", "xb", "ax", "a\n", "abc\n", "\nab", "x", "c x", "q"]
)
def test_a_pattern_is_one_of_the_schema(name: str, text: str) -> None:
    document = {"whole": "x", "start": "c", "inside": "c", name: text}
    assert is_accepted(Patterns, document) == is_accepted_by_schema(Patterns, document)
    assert "pattern" in lt.json_schema(Patterns)["properties"][name]


@pytest.mark.parametrize(
    "validator",
    [
        validators.matches_re("a", re.IGNORECASE),
        validators.matches_re("(?i:a)b"),
        validators.matches_re("(?P<x>a)(?P=x)"),
        validators.matches_re(r"\Aa\Z"),
        validators.matches_re("a++"),
        validators.matches_re("a$", func=re.search),
    ],
)
def test_a_pattern_that_only_python_knows_is_not_in_the_schema(validator: Any) -> None:
    cls = attrs.make_class("C", {"text": attrs.field(type=str, validator=validator)})
    assert "pattern" not in lt.json_schema(cls)["properties"]["text"]
