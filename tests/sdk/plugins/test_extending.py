"""Extensions of other plugins' families: joined, refused by name, and never at others' cost."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

import longtake as lt
from longtake.plugins.loading import Plugin


@frozen
class Codec:
    """Enough of a codec for the registry."""

    kind: str
    state_type: type = int


class Stage:
    """A stage that is never run."""


PAINT = lt.StageSpec("paint", Stage)


def plugin(distribution: str, *, version: str = "1.0", **provided: Any) -> Plugin:
    return Plugin("main", distribution, version, "loaded", **provided)


def owner(*presets: lt.Preset, version: str = "1.0") -> Plugin:
    codecs: Any = (Codec("fog.v1"),)
    family = lt.ModelFamily("fog", (PAINT,), presets=presets, codecs=codecs)
    return plugin("weather", version=version, families=(family,))


def extending(distribution: str, **fields: Any) -> Plugin:
    return plugin(distribution, extensions=(lt.Extension("fog", **fields),))


def mark(name: str, base: str | None = "thin", anchor: str = "paint") -> lt.Preset:
    edit = lt.RecipeEdit.after(anchor, lt.StageSpec(f"{name}_stage", Stage))
    return lt.Preset(name, base=base, edits=(edit,))


THIN = lt.Preset("thin", defaults={"height": 32})


def errors(registry: lt.Registry) -> list[str | None]:
    return [each.error for each in registry.plugins]


def presets(registry: lt.Registry) -> list[str]:
    return [preset.name for preset in registry.family("fog").presets]


def test_a_family_has_what_extensions_add_behind_its_own() -> None:
    plus: Any = (Codec("fog.plus"),)
    registry = lt.Registry([extending("a", presets=(mark("mine"),), codecs=plus), owner(THIN)])
    fog = registry.family("fog")
    assert presets(registry) == ["thin", "mine"]
    assert fog.preset().name == "thin"
    assert fog.preset("mine").defaults == {"height": 32}
    assert [spec.name for spec in fog.recipe(fog.preset("mine"))] == ["paint", "mine_stage"]
    assert [spec.name for spec in fog.recipe(fog.preset("thin"))] == ["paint"]
    assert registry.family_for_kind("fog.plus") is fog
    codec = fog.writing_codec()
    assert codec is not None
    assert codec.kind == "fog.v1"
    assert errors(registry) == [None, None]
    [joined] = fog.extensions
    assert (joined.distribution, joined.version) == ("a", "1.0")


def test_whose_a_stage_and_a_preset_are() -> None:
    registry = lt.Registry([owner(THIN), extending("a", presets=(mark("mine"),))])
    fog = registry.family("fog")
    [joined] = fog.extensions
    mine = fog.preset("mine")
    paint, added = fog.recipe(mine)
    assert fog.extension_of_stage(mine, paint) is None
    assert fog.extension_of_stage(mine, added) == joined
    assert fog.extensions_of(mine) == (joined,)
    assert fog.extensions_of(fog.preset("thin")) == ()


def test_an_extension_may_build_on_another_one_in_any_order() -> None:
    first = extending("a", presets=(mark("both", base="mine", anchor="mine_stage"),))
    second = extending("b", presets=(mark("mine"),))
    registry = lt.Registry([first, second, owner(THIN)])
    fog = registry.family("fog")
    both = fog.preset("both")
    assert [spec.name for spec in fog.recipe(both)] == ["paint", "mine_stage", "both_stage"]
    assert [each.distribution for each in fog.extensions_of(both)] == ["a", "b"]


def test_an_anchor_that_is_not_there_names_the_extension_and_what_is() -> None:
    registry = lt.Registry([owner(THIN), extending("a", presets=(mark("mine", anchor="glue"),))])
    fog = registry.family("fog")
    with pytest.raises(
        lt.WiringError, match=r"'mine' .*extension of a 1.0 \(main\): no stage 'glue'.*: paint$"
    ):
        fog.recipe(fog.preset("mine"))
    assert fog.recipe(fog.preset("thin")) == (PAINT,)


def test_a_preset_of_two_extensions_is_refused_by_name_and_nothing_else_is() -> None:
    registry = lt.Registry(
        [
            owner(THIN),
            extending("a", presets=(mark("mine"), mark("one"))),
            extending("b", presets=(mark("mine"), mark("two"))),
        ]
    )
    assert presets(registry) == ["thin", "one", "two"]
    with pytest.raises(
        lt.NameClashError, match=r"'mine' is provided by a 1.0 .* and b 1.0 .*BLOCK"
    ):
        registry.family("fog").preset("mine")
    assert errors(registry)[0] is None
    assert all("'mine' is provided by" in str(error) for error in errors(registry)[1:])


def test_a_family_keeps_its_own_names() -> None:
    own: Any = (Codec("fog.v1"),)
    registry = lt.Registry([extending("a", presets=(mark("thin", None),), codecs=own), owner(THIN)])
    fog = registry.family("fog")
    assert presets(registry) == ["thin"]
    assert fog.preset("thin").edits == ()
    assert [codec.kind for codec in fog.codecs] == ["fog.v1"]
    assert registry.family_for_kind("fog.v1") is fog
    assert "the preset 'thin' of a 1.0 (main) is one of family 'fog' itself" in str(
        errors(registry)
    )
    assert "kind 'fog.v1' of a 1.0 (main) is a family's own" in str(errors(registry))


def test_a_kind_of_two_extensions_is_of_neither() -> None:
    plus: Any = (Codec("fog.plus"),)
    registry = lt.Registry([owner(), extending("a", codecs=plus), extending("b", codecs=plus)])
    assert [codec.kind for codec in registry.family("fog").codecs] == ["fog.v1"]
    assert sum("another extension's, too" in str(error) for error in errors(registry)) == 2


def test_a_codec_over_another_state_costs_only_itself() -> None:
    wrong: Any = (Codec("fog.wrong", str),)
    fog = lt.Registry([owner(), extending("a", codecs=wrong)]).family("fog")
    assert fog.state_type is int
    assert fog.codec("fog.v1") is not None
    with pytest.raises(lt.PluginError, match=r"'fog.wrong', of a 1.0 \(main\), has a typed state"):
        fog.codec("fog.wrong")


@pytest.mark.parametrize(
    ("requires", "problem"),
    [
        (">=2", r"needs weather >=2, and 1.5 is there; install versions"),
        ("two", "requires is 'two'; must be like"),
    ],
)
def test_an_extension_of_another_version_is_left_out_and_says_so(
    requires: str, problem: str
) -> None:
    mine = extending("a", presets=(mark("mine"),), requires=requires)
    registry = lt.Registry([owner(THIN, version="1.5"), mine])
    assert presets(registry) == ["thin"]
    with pytest.raises(lt.PluginError, match=problem):
        registry.family("fog").preset("mine")
    assert errors(registry)[0] is None
    assert errors(registry)[1]


@pytest.mark.parametrize("version", ["1.0", "1.9.3", "1.5rc1"])
def test_an_extension_of_this_version_is_joined(version: str) -> None:
    mine = extending("a", presets=(mark("mine"),), requires=">=1,<2")
    registry = lt.Registry([owner(THIN, version=version), mine])
    assert presets(registry) == ["thin", "mine"]


def test_a_preset_without_its_base_is_left_out_with_those_built_on_it() -> None:
    registry = lt.Registry(
        [
            owner(THIN),
            extending("a", presets=(mark("lost", base="none"), mark("good"))),
            extending("b", presets=(mark("over", base="lost"),)),
        ]
    )
    assert presets(registry) == ["thin", "good"]
    for name in ("lost", "over"):
        with pytest.raises(lt.PluginError, match="preset 'lost': base: .* no preset 'none'"):
            registry.family("fog").preset(name)


def test_an_extension_of_no_family_is_told() -> None:
    registry = lt.Registry([extending("a", presets=(mark("mine"),))])
    assert "extends the family 'fog', which is not there" in str(errors(registry)[0])


def test_versions_name_the_extensions_that_a_preset_comes_from() -> None:
    registry = lt.Registry([owner(THIN), extending("a", presets=(mark("mine"),))])
    fog = registry.family("fog")
    assert registry.versions_of(fog, "mine").keys() == {"longtake", "weather", "a"}
    assert registry.versions_of(fog, "thin").keys() == {"longtake", "weather"}


def test_plugins_say_what_they_add() -> None:
    found = extending("a", presets=(mark("mine"),))
    assert found.provides == ("extension:fog", "preset:mine")
