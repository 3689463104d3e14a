"""A family finds its presets and codecs by name."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from tests.sdk.toy_family import FOG, FogCodec, FogState, black

SMALL_1, SMALL_2, LARGE = lt.Preset("small"), lt.Preset("small", 2), lt.Preset("large", 3)
FAMILY = lt.ModelFamily("toy", (black,), presets=(SMALL_1, SMALL_2, LARGE))


@pytest.mark.parametrize(
    ("name", "preset"),
    [(None, SMALL_2), ("small", SMALL_2), ("small@1", SMALL_1), ("large@3", LARGE)],
)
def test_the_highest_version_wins_unless_one_is_asked_for(
    name: str | None, preset: lt.Preset
) -> None:
    assert FAMILY.preset(name) is preset


@pytest.mark.parametrize("name", ["medium", "small@3", "large@x", "", "@1"])
def test_an_unknown_preset_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(lt.UnknownNameError, match=r"small@1, small@2, large@3"):
        FAMILY.preset(name)


def test_a_family_without_presets_has_a_default_one() -> None:
    family = lt.ModelFamily("toy", (black,))
    assert family.preset() == family.preset("default@1") == lt.Preset("default")
    with pytest.raises(lt.UnknownNameError, match="no preset 'small'; presets: default@1"):
        family.preset("small")


def test_an_unknown_default_is_refused() -> None:
    with pytest.raises(lt.ValidationError, match=r"family toy: defaults\.frames"):
        lt.ModelFamily("toy", (black,), defaults={"frames": 9})


def test_codecs_are_found_by_their_kind() -> None:
    assert FOG.codec("fog.v1") == FogCodec()
    assert FOG.codec("ltx2.v1") is None


def test_a_kind_has_one_codec() -> None:
    with pytest.raises(lt.PluginError, match=r"'toy' has two codecs of the kind 'fog\.v1'"):
        lt.ModelFamily("toy", (black,), codecs=(FogCodec("fog.v2"), FogCodec(), FogCodec()))


def test_the_first_codec_writes_unless_a_kind_is_said() -> None:
    newer, older = FogCodec("fog.v2"), FogCodec()
    family = lt.ModelFamily("toy", (black,), codecs=(newer, older))
    assert family.writing_codec() is newer
    assert family.writing_codec("fog.v1") is older
    assert FAMILY.writing_codec() is None
    assert (family.state_type, FAMILY.state_type) == (FogState, None)


def test_declaring_a_family_imports_nothing() -> None:
    family = lt.ModelFamily(
        "heavy",
        ("no.such.module:DenoisingStage", lt.StageSpec("paint", "no.such.module:paint")),
        options="no.such.module:Options",
        load="no.such.module:load",
        recognise="no.such.module:recognise",
    )
    assert [stage.name for stage in family.stages] == ["denoising", "paint"]
    with pytest.raises(lt.PluginError, match=r"no\.such\.module"):
        lt.load(family=family)


def test_the_blobs_of_a_state_are_those_that_its_codec_names() -> None:
    named = lt.ContinuationState("fog.v1", {"blob": "b1"})
    assert FOG.blob_ids(named) == ("b1",)
    assert FOG.blob_ids(lt.ContinuationState("fog.v1", {})) == ()
    assert FOG.blob_ids(lt.ContinuationState("mud.v1", {"blob": "b1"})) == ()


@pytest.mark.parametrize("preset", [5, None, "small"])
def test_what_is_no_preset_is_refused_when_the_family_is_made(preset: Any) -> None:
    with pytest.raises(lt.LongtakeError, match=r"presets\[1\] is .*; must be a longtake.Preset"):
        lt.ModelFamily("toy", (black,), presets=(SMALL_1, preset))
