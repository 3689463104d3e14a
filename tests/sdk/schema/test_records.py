"""Classes whose fields attrs does not know in full are refused, never read with less."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import attrs
import pytest
from attrs import define, field, frozen

import longtake as lt
from longtake.schema.records import check_record


@frozen
class Slotted:
    segment_index: int
    take_defaults: ClassVar[dict[str, Any]] = {}


@frozen(slots=False)
class Open:
    segment_index: int
    take_defaults: ClassVar[dict[str, Any]] = {}


class Undecorated(Slotted):
    level: float = 0.5


class UndecoratedOpen(Open):
    level: float = 0.5


class WithSlots(Slotted):
    __slots__ = ("level",)


class Mixin:
    level: float


@frozen
class OfMixin(Mixin, Slotted):
    width: int = 3


@frozen
class BelowUndecorated(UndecoratedOpen):
    width: int = 3


@define
class Partly:
    segment_index = field(type=int)
    level: float
    take_defaults: ClassVar[dict[str, Any]] = {}


@pytest.mark.parametrize(
    "cls", [Undecorated, UndecoratedOpen, WithSlots, OfMixin, BelowUndecorated, Partly]
)
def test_a_field_that_attrs_does_not_know_is_named_with_what_to_write(cls: Any) -> None:
    said = rf"{cls.__name__}\.level .*(decorate \w+ with @attrs\.frozen|attrs\.field\(\))"
    for use in (
        lambda: lt.structure({"segment_index": 1}, cls),
        lambda: lt.json_schema(cls),
        lambda: lt.AttrsCodec("fog.v1", cls).state_type,
        lambda: lt.AttrsCodec("fog.v1", cls).decode(
            lt.ContinuationState("fog.v1", {"schema_version": 1, "state": {"segment_index": 1}})
        ),
    ):
        with pytest.raises(lt.PluginError, match=said):
            use()


class Named(Protocol):
    name: str


class Steps(Slotted):
    """Adds no field, only what can be asked."""

    KIND: ClassVar[str] = "steps"

    @property
    def next(self) -> int:
        return self.segment_index + 1


@frozen
class OpenOverSlotted(Slotted):
    level: float = 0.5


@frozen(slots=False)
class SlottedBelowOpen(Slotted):
    level: float = 0.5


@frozen
class SlottedOverOpen(Open):
    level: float = 0.5


@attrs.frozen
class Whole(Named, Steps):
    name: str = "whole"
    level: float = 0.5


@pytest.mark.parametrize(
    "cls", [Slotted, Open, Steps, OpenOverSlotted, SlottedBelowOpen, SlottedOverOpen, Whole]
)
def test_mixtures_that_lose_nothing_work(cls: Any) -> None:
    check_record(cls)
    given = {"segment_index": 1, "level": 0.25, "name": "x"}
    fields = {name: value for name, value in given.items() if name in attrs.fields_dict(cls)}
    value = lt.structure(fields, cls)
    assert lt.unstructure(value) == fields
    codec: lt.AttrsCodec[Any] = lt.AttrsCodec("fog.v1", cls)
    assert codec.decode(codec.encode(value)) == value
    assert lt.json_schema(cls)["properties"].keys() == fields.keys()


class Even:
    """A validator with a method where a property is meant."""

    def __call__(self, instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        pass

    def schema_keywords(self) -> dict[str, Any]:
        return {"multipleOf": 2}


class Odd(Even):
    schema_keywords: Any = ("multipleOf",)


@frozen
class Pair:
    left: int = field(validator=attrs.validators.and_(lt.between(0, 9), Even()))


@frozen
class OddPair:
    left: tuple[int, ...] = field(validator=attrs.validators.deep_iterable(Odd()))


def test_keywords_that_are_a_method_are_named_with_what_to_write() -> None:
    with pytest.raises(lt.PluginError, match=r"Pair\.left: .*Even is a method; .*@property"):
        lt.json_schema(Pair)
    with pytest.raises(lt.PluginError, match=r"OddPair\.left: .*Odd is a tuple; .*dict"):
        lt.json_schema(OddPair)
