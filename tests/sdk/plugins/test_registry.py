"""Names from all plugins: who provides one, and what happens when two do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

import longtake as lt
from longtake.plugins.loading import Plugin


@frozen
class Codec:
    """Enough of a codec for the registry, which only asks for the kind."""

    kind: str


def family(name: str, *kinds: str, recognise: Any = None) -> lt.ModelFamily:
    codecs: Any = tuple(Codec(kind) for kind in kinds)
    return lt.ModelFamily(name, (), codecs=codecs, recognise=recognise)


def plugin(
    distribution: str, *families: lt.ModelFamily, entry: str = "main", **provided: Any
) -> Plugin:
    return Plugin(entry, distribution, "1.0", "loaded", None, families, **provided)


def errors(registry: lt.Registry) -> list[str | None]:
    return [each.error for each in registry.plugins]


def test_families_are_found_by_name_with_their_plugin() -> None:
    fog, dust = family("fog"), family("dust")
    registry = lt.Registry([plugin("weather", fog, dust)])
    assert registry.family("fog") is fog
    assert [(p.value.name, p.plugin.distribution) for p in registry.families] == [
        ("dust", "weather"),
        ("fog", "weather"),
    ]


def test_unknown_family_lists_the_known_ones() -> None:
    with pytest.raises(lt.UnknownNameError, match=r"'frog' \(did .*; known: dust, fog"):
        lt.Registry([plugin("weather", family("fog"), family("dust"))]).family("frog")
    with pytest.raises(lt.UnknownNameError, match="known: none"):
        lt.Registry([]).family("frog")


def test_only_the_clashing_name_is_refused() -> None:
    registry = lt.Registry(
        [plugin("one", family("fog"), family("mist")), plugin("two", family("fog"))]
    )
    assert [provided.value.name for provided in registry.families] == ["mist"]
    with pytest.raises(
        lt.NameClashError, match=r"'fog' is provided by one 1\.0 \(main\) and two 1\.0 \(main\)"
    ):
        registry.family("fog")
    assert all(
        "LONGTAKE_BLOCK=one or LONGTAKE_BLOCK=two" in str(error) for error in errors(registry)
    )


def test_three_sides_of_a_clash_are_all_named() -> None:
    registry = lt.Registry([plugin(name, family("fog")) for name in ("one", "two", "three")])
    for error in errors(registry):
        assert error is not None
        assert all(f"{name} 1.0" in error for name in ("one", "two", "three"))


def test_clash_inside_one_distribution_is_resolved_by_entry_points() -> None:
    registry = lt.Registry(
        [plugin("one", family("fog"), entry="a"), plugin("one", family("fog"), entry="b")]
    )
    assert "LONGTAKE_BLOCK=one:a or LONGTAKE_BLOCK=one:b" in str(errors(registry)[0])


def test_bystander_of_a_clash_has_no_error() -> None:
    registry = lt.Registry(
        [plugin("one", family("fog")), plugin("two", family("fog")), plugin("three", family("ice"))]
    )
    assert errors(registry)[2] is None


def test_state_kind_leads_to_its_family() -> None:
    fog = family("fog", "fog.v1", "fog.v2")
    registry = lt.Registry([plugin("weather", fog, family("dust", "dust.v1"))])
    assert registry.family_for_kind("fog.v2") is fog
    with pytest.raises(lt.UnknownNameError, match=r"continuation kind 'ice.v1'; known: dust.v1, "):
        registry.family_for_kind("ice.v1")


def test_state_kind_of_two_families_is_a_clash() -> None:
    registry = lt.Registry(
        [plugin("one", family("fog", "fog.v1")), plugin("two", family("mist", "fog.v1"))]
    )
    with pytest.raises(lt.NameClashError, match=r"continuation kind 'fog.v1' is provided by one"):
        registry.family_for_kind("fog.v1")
    assert [p.value.name for p in registry.families] == ["fog", "mist"]
    assert all(error is not None for error in errors(registry))


def test_state_kind_of_a_disputed_family_is_refused_by_the_families_name() -> None:
    registry = lt.Registry([plugin("one", family("fog", "fog.v1")), plugin("two", family("fog"))])
    with pytest.raises(lt.NameClashError, match="family 'fog'"):
        registry.family_for_kind("fog.v1")


def test_observers_come_from_all_plugins() -> None:
    heard: list[Any] = []
    registry = lt.Registry(
        [plugin("one", observers=(heard.append,)), plugin("two", observers=(print,))]
    )
    assert registry.observers == [heard.append, print]


def knows(*names: str) -> Callable[[Path], lt.Recognition | None]:
    return lambda path: lt.Recognition(preset=path.name) if path.name in names else None


def fails(path: Path) -> lt.Recognition | None:
    raise ZeroDivisionError(f"looking at {path.name}")


def refuses(path: Path) -> lt.Recognition | None:
    raise lt.CheckpointError(f"{path}/config.json", "is not JSON")


def recognising(**functions: Any) -> lt.Registry:
    families = [family(name, recognise=function) for name, function in functions.items()]
    return lt.Registry([plugin("weather", *families)])


def test_checkpoint_belongs_to_the_family_that_recognises_it(tmp_path: Path) -> None:
    registry = recognising(fog=knows("thick"), dust=knows("thin"), ice=None)
    for folder, name in (("thick", "fog"), ("thin", "dust")):
        (tmp_path / folder).mkdir()
        found, recognition = registry.recognise(tmp_path / folder)
        assert (found.name, recognition.preset) == (name, folder)


def test_checkpoint_of_nobody_says_who_was_asked(tmp_path: Path) -> None:
    with pytest.raises(lt.CheckpointError, match=r"no family recognises it.*; asked: dust, fog$"):
        recognising(fog=knows(), dust=knows(), ice=None).recognise(tmp_path)
    with pytest.raises(lt.CheckpointError, match="asked: none"):
        recognising(ice=None).recognise(tmp_path)


def test_checkpoint_of_two_families_names_both(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(lt.CheckpointError, match=r"'dust' of .* and 'fog' of .*; name one with"):
        recognising(fog=knows("x"), dust=knows("x")).recognise(tmp_path / "x")


def test_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(lt.CheckpointError, match="there is no such file or folder") as caught:
        recognising(fog=fails).recognise(tmp_path / "nowhere")
    assert caught.value.path == str(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (fails, "ZeroDivisionError: looking at x"),
        ("a_package_that_nobody_has:recognise", "PluginError: cannot import"),
        (lambda _: True, "TypeError: recognise returned a bool, not a Recognition"),
    ],
)
def test_family_that_cannot_look_hides_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: Any, reason: str
) -> None:
    (tmp_path / "x").mkdir()
    with caplog.at_level(logging.WARNING):
        found, _ = recognising(broken=broken, fog=knows("x")).recognise(tmp_path / "x")
    assert found.name == "fog"
    assert "weather 1.0 (main) could not look at" in caplog.text
    with pytest.raises(lt.CheckpointError, match=f"broken could not look at it .{reason}"):
        recognising(broken=broken).recognise(tmp_path / "x")


def test_family_may_say_that_its_checkpoint_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(lt.CheckpointError, match=r"config\.json: is not JSON"):
        recognising(fog=refuses, dust=knows()).recognise(tmp_path)


def test_a_registry_in_use_is_the_default_one_until_the_block_is_left() -> None:
    before = lt.Registry.default()
    outer, inner = lt.Registry([plugin("one", family("fog"))]), lt.Registry.of("longtake.builtin")
    with outer.use() as used:
        assert used is outer is lt.Registry.default()
        with pytest.raises(lt.UnknownNameError):
            lt.open_blob_store("memory:")
        with inner.use():
            assert lt.Registry.default() is inner
            lt.open_blob_store("memory:")
        assert lt.Registry.default() is outer
    assert lt.Registry.default() is before


def test_a_registry_may_be_in_use_twice() -> None:
    one, other = lt.Registry([]), lt.Registry([])
    with one.use(), other.use():
        with one.use():
            assert lt.Registry.default() is one
        assert lt.Registry.default() is other


def test_registries_in_use_by_several_threads_end_in_any_order() -> None:
    one, other = lt.Registry([]), lt.Registry([])
    before = lt.Registry.default()
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(one.use())
        second.enter_context(other.use())
        first.close()
        assert lt.Registry.default() is other
    assert lt.Registry.default() is before


def test_a_registry_is_no_longer_in_use_after_an_error() -> None:
    before = lt.Registry.default()
    with pytest.raises(KeyError), lt.Registry([]).use():
        raise KeyError
    assert lt.Registry.default() is before
