"""Options of a command that families declare: their names, their help, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import field, frozen, validators

import longtake as lt
from longtake.plugins.loading import Plugin
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.toy_family import DEFAULTS, DUST, FOG, Speck


@frozen(kw_only=True)
class Weights:
    path: str


EACH_A_OR_B: Any = validators.deep_iterable(validators.in_(("a", "b")))


@frozen(kw_only=True)
class FogOptions:
    numerics: Literal["official", "plain"] = field(
        default="official", metadata={"help": "Which reference it computes like."}
    )
    lora_path: str | None = field(default=None, metadata={"metavar": "FILE"})
    scale: float = field(default=1.0, validator=lt.between(0, 2))
    depth: int | None = 3
    rate: Fraction = Fraction(1)
    tiling: bool = False
    names: tuple[str, ...] = ()
    stops: list[int] = field(factory=list)
    weights: Weights | None = None
    level: int = 0
    offload: str = field(default="none", validator=validators.in_(("none", "component")))
    kinds: tuple[str, ...] = field(default=(), validator=EACH_A_OR_B)
    hidden: int = field(default=0, metadata={"cli": False})
    seed: int = 0
    """A command has an option of this name itself."""


@frozen(kw_only=True)
class MistOptions:
    numerics: Literal["official", "quick"] = "official"
    level: str = "low"
    names: str = ""
    tiling: str = "none"


LOADED: list[Any] = []


def load(source: lt.ModelSource) -> lt.LoadedModel:
    LOADED.append(source.options)
    return lt.LoadedModel()


FOGGY = FOG.evolve(options=FogOptions, load=load)
MIST = lt.ModelFamily(
    "mist",
    (lt.StageSpec("speck", Speck),),
    defaults=DEFAULTS,
    options=f"{__name__}:MistOptions",
    load=load,
    example=FOG.example,
)
BROKEN = lt.ModelFamily(
    "broken", (lt.StageSpec("speck", Speck),), options="no.such.module:Options", defaults=DEFAULTS
)


@pytest.fixture
def foggy(longtake: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Families with options, one without any, and one whose options cannot be imported."""
    plugin = Plugin("main", "toys", "1", "loaded", families=(FOGGY, MIST, DUST, BROKEN))
    registry = lt.Registry([plugin])
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)
    LOADED.clear()
    return longtake


def said(command: Command, *options: str, family: str = "fog") -> Any:
    """The options that the family was loaded with."""
    done = command("generate", "one", "--family", family, *options)
    assert done.code == 0, done.err
    return LOADED[-1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {}),
        (("--numerics", "plain"), {"numerics": "plain"}),
        (("--lora-path", "style.safetensors"), {"lora_path": "style.safetensors"}),
        (("--lora-path", "3"), {"lora_path": "3"}),
        (("--scale", "1"), {"scale": 1.0}),
        (("--scale", "0.5"), {"scale": 0.5}),
        (("--depth", "null"), {"depth": None}),
        (("--rate", "24000/1001"), {"rate": Fraction(24000, 1001)}),
        (("--tiling", "true"), {"tiling": True}),
        (("--names", "a", "--names", "2"), {"names": ("a", "2")}),
        (("--stops", "4", "--stops", "8"), {"stops": [4, 8]}),
        (("--weights", '{"path": "a"}'), {"weights": Weights(path="a")}),
        (("--level", "3"), {"level": 3}),
        (("--seed", "9"), {}),
    ],
)
def test_what_is_said_is_what_the_family_is_loaded_with(
    foggy: Command, options: tuple[str, ...], expected: Mapping[str, Any]
) -> None:
    assert said(foggy, *options) == FogOptions(**expected)


def test_a_name_of_two_families_means_what_the_chosen_one_says(foggy: Command) -> None:
    options = ("--level", "3", "--names", "[1]", "--tiling", "true")
    expected = MistOptions(level="3", names="[1]", tiling="true")
    assert said(foggy, *options, family="mist") == expected
    assert said(foggy, "--numerics", "quick", family="mist") == MistOptions(numerics="quick")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--numerics", "quick"), "numerics: expected one of 'official', 'plain'"),
        (("--scale", "3"), "scale: is 3.0; must be a number from 0 to 2"),
        (("--scale", "much"), "scale: expected a number"),
        (("--stops", "4", "--stops", "x"), "stops[1]: expected an integer"),
        (("--weights", '{"file": "a"}'), "weights.path: required"),
        (("--level", "low"), "level: expected an integer"),
        (("--hidden", "1"), "No such option '--hidden'"),
        (("--family", "dust", "--numerics", "official"), "family 'dust' has no option --numerics"),
        (("--family", "mist", "--lora-path", "a"), "family 'mist' has no option --lora-path"),
        (("--family", "mist", "--names", "a", "--names", "b"), "--names is given 2 times"),
        (("--family", "broken"), "no.such.module:Options"),
    ],
)
def test_what_the_chosen_family_does_not_take_is_refused_in_one_line(
    foggy: Command, options: tuple[str, ...], reason: str
) -> None:
    refused = foggy("generate", "one", "--family", "fog", *options)
    assert refused.code == (1 if "broken" in options else 2)
    assert reason in refused.err.splitlines()[-1]
    assert LOADED == []
    assert not Path("take.mp4").exists()


def test_help_shows_the_options_of_all_families_that_can_be_read(foggy: Command) -> None:
    shown = " ".join(foggy("generate", "--help").out.split())
    assert (
        "--numerics [official|plain|quick] Which reference it computes like. [fog, mist]" in shown
    )
    assert "--lora-path FILE [fog]" in shown
    assert "--scale X [fog]" in shown
    assert "--depth N [fog]" in shown
    assert "--kinds [a|b] [fog]" in shown
    assert "--offload [none|component] [fog]" in shown
    assert "--hidden" not in shown
    assert shown.count("--seed") == 1


def test_a_field_that_is_true_or_false_is_a_pair_of_flags(
    foggy: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = lt.Registry([Plugin("main", "toys", "1", "loaded", families=(FOGGY,))])
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)
    assert said(foggy, "--tiling") == FogOptions(tiling=True)
    assert said(foggy, "--no-tiling") == FogOptions(tiling=False)
    assert "--tiling / --no-tiling" in foggy("finish", "--help").out
