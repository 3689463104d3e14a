"""A value that is set once, compared by its fields, and taken anywhere."""

from __future__ import annotations

import copy
import inspect
import pickle
import weakref
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt

FIELDS = ("width", "_colour", "holes")


class Paper(lt.Frozen, unshown=("holes",)):
    __slots__ = FIELDS

    def __init__(self, width: int, colour: str = "white", *, holes: tuple[Any, ...] = ()) -> None:
        self.width: Final = width
        self._colour: Final = colour
        self.holes: Final = tuple(holes)
        if width < 0:
            raise ValueError(f"width is {width}")


class Card(Paper):
    """The same fields, and yet another kind."""

    __slots__ = ("weight",)

    def __init__(self, width: int, colour: str = "white", *, weight: int = 1) -> None:
        super().__init__(width, colour)
        self.weight: Final = weight


class Sticker(Paper):
    """Whose author left ``__slots__`` out."""


ARGUMENTS = st.fixed_dictionaries(
    {"width": st.integers(0, 2)},
    optional={
        "colour": st.sampled_from(["white", "blue"]),
        "holes": st.lists(st.sampled_from([1, 1.0, "1", (2,), float("nan")]), max_size=2),
    },
)


def values_of(paper: Paper) -> tuple[Any, ...]:
    return tuple(getattr(paper, name) for name in FIELDS)


@given(ARGUMENTS, ARGUMENTS)
def test_values_of_one_class_are_equal_where_all_fields_are(
    one: dict[str, Any], another: dict[str, Any]
) -> None:
    first, second = Paper(**one), Paper(**another)
    assert (first == second) is (values_of(first) == values_of(second))
    assert (first != second) is not (first == second)
    if first == second:
        assert hash(first) == hash(second)


@given(ARGUMENTS, ARGUMENTS)
def test_evolving_is_making_a_new_one_with_other_arguments(
    given: dict[str, Any], changes: dict[str, Any]
) -> None:
    before = Paper(**given)
    values = values_of(before)
    after = before.evolve(**changes)
    assert type(after) is Paper
    assert values_of(after) == values_of(Paper(**{**given, **changes}))
    assert values_of(before.__replace__(**changes)) == values_of(after)
    assert values_of(before) == values


@given(ARGUMENTS)
def test_pickled_and_copied_it_is_the_same(given: dict[str, Any]) -> None:
    paper = Paper(**given)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(paper, protocol))
        assert (type(again), repr(values_of(again))) == (Paper, repr(values_of(paper)))
        with pytest.raises(AttributeError):
            again.width = 3
    assert values_of(copy.copy(paper)) == values_of(copy.deepcopy(paper)) == values_of(paper)


def test_no_field_is_set_again_or_deleted_and_the_error_says_what_to_do() -> None:
    paper: Any = Paper(2)
    with pytest.raises(AttributeError, match=r"Paper.width never changes; evolve\(width=...\)"):
        paper.width = 3
    with pytest.raises(AttributeError, match=r"evolve\(colour=...\) makes another Paper"):
        paper._colour = "red"
    with pytest.raises(AttributeError, match=r"Paper.width never changes"):
        del paper.width
    with pytest.raises(AttributeError, match="Paper has no field 'glossy'; fields: width, _colour"):
        paper.glossy = True
    with pytest.raises(AttributeError, match="Paper has no field 'evolve'"):
        paper.evolve = None
    with pytest.raises(AttributeError, match="Sticker has no field 'glossy'"):
        Sticker(2).glossy = True
    assert paper == Paper(2)


def test_another_class_is_another_value() -> None:
    assert Paper(2) != Card(2)
    assert Paper(2) != Sticker(2)
    assert Paper(2) != 2
    assert {Paper(2): "paper", Card(2): "card"}[Card(2)] == "card"
    assert Card(2, "blue", weight=3).weight == 3
    assert Card(2, weight=3) != Card(2, weight=4)
    assert Sticker(2, holes=(1,)).evolve(width=3) == Sticker(3, holes=(1,))


def test_it_is_shown_as_it_is_made_less_what_is_unshown() -> None:
    assert repr(Paper(2, "blue", holes=(1, 2))) == "Paper(width=2, _colour='blue')"
    assert repr(Card(2, weight=3)) == "Card(width=2, _colour='white', weight=3)"

    class Inner(lt.Frozen):
        __slots__ = ()

    assert repr(Inner()) == "Inner()"


def test_an_evolved_value_is_checked_and_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="width is -1"):
        Paper(2).evolve(width=-1)
    with pytest.raises(TypeError, match="glossy"):
        Paper(2).evolve(glossy=True)


def test_what_cannot_be_hashed_is_refused_as_in_a_tuple() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Paper(2, holes=([],)))


def test_it_can_be_referred_to_weakly() -> None:
    paper = Paper(2)
    reference = weakref.ref(paper)
    assert reference() is paper
    del paper
    assert reference() is None


DECLARED: tuple[lt.Frozen, ...] = (
    lt.AttrsCodec("fog.v1", "longtake_fog:State"),
    lt.AuthenticatorBackend("oidc", "fog:open"),
    lt.BlobBackend("fog", "fog:open"),
    lt.Command("fog", "fog:command", help="Make fog."),
    lt.DispatcherBackend("fog", "fog:open"),
    lt.Extension("fog", presets=[lt.Preset("thick")]),
    lt.JoinedExtension(
        extension=lt.Extension("fog"), distribution="fog", version="1", provider="fog 1 (fog)"
    ),
    lt.LoadedModel({"network": "n"}),
    lt.ModelFamily("fog", ["fog:Draw"], presets=[lt.Preset("thick")]),
    lt.Observer("fog", "fog:Observer"),
    lt.Preset("thick", defaults={"height": 32}),
    lt.RecipeEdit.after("draw", "fog:Paint"),
    lt.Recognition("thick"),
    lt.Reference("fog:TEXT"),
    lt.SessionBackend("fog", "fog:open"),
    lt.StageSpec("draw", "fog:Draw", arguments={"size": 3}),
)
UNREADABLE = ("state_type", "steps")
"""Of a codec: the one is imported when it is asked for, the other is its own."""


@pytest.mark.parametrize("value", DECLARED, ids=lambda value: type(value).__name__)
def test_what_plugins_declare_is_of_this_kind(value: lt.Frozen) -> None:
    names = [name for name in inspect.signature(type(value)).parameters if name not in UNREADABLE]
    fields = {name: getattr(value, name) for name in names}
    for changed in (value.evolve(), value.evolve(**fields), copy.deepcopy(value)):
        assert changed == value
        assert changed is not value
    assert pickle.loads(pickle.dumps(value)) == value
    assert not hasattr(value, "__dict__")
    for name in fields:
        with pytest.raises(AttributeError, match=f"{name} never changes"):
            setattr(value, name, fields[name])


def test_each_has_a_mapping_of_its_own() -> None:
    one, another = lt.StageSpec("draw", "fog:Draw"), lt.StageSpec("draw", "fog:Draw")
    assert one.arguments == {}
    assert one.arguments is not another.arguments
    assert one.arguments is not one.defaults
