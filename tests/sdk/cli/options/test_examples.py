"""What a take is made with when nobody names a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

import longtake as lt
from longtake.cli.options.examples import RANDOM, example_of, has_example, preset_of
from longtake.plugins.loading import Plugin


def load(source: lt.ModelSource) -> lt.LoadedModel:
    raise NotImplementedError


def own(folder: Path) -> Path:
    folder.mkdir()
    return folder


def learned(folder: Path) -> Path:
    return folder.parent / "installed"


OWN = lt.ModelFamily("tried", ("nowhere:Draw",), load=load, example=own)
BARE = lt.ModelFamily("tried", ("nowhere:Draw",), load=load)
LIGHT = lt.ModelFamily("tried", ("nowhere:Draw",))
LEARNED = lt.Extension("tried", presets=(lt.Preset("small"),), example=learned)
DULL = lt.Extension("tried", presets=(lt.Preset("dull"),))


def joined(family: lt.ModelFamily, *extensions: lt.Extension) -> lt.ModelFamily:
    """The family as a registry has it, each extension of a distribution of its own."""
    plugins = [Plugin("main", "longtake-x", "1.0", "loaded", families=(family,))]
    plugins += [
        Plugin("main", f"longtake-e{number}", "1.0", "loaded", extensions=(each,))
        for number, each in enumerate(extensions)
    ]
    return lt.Registry(plugins).family(family.name)


def test_without_extensions_it_is_the_familys_own(tmp_path: Path) -> None:
    example = example_of(OWN, None)
    assert example is not None
    assert (example.preset, example.provider) == (None, None)
    assert example.write(tmp_path) == tmp_path / "example"
    assert preset_of(OWN, None, None) is None


@pytest.mark.parametrize("family", [OWN, BARE])
def test_an_extensions_goes_before_it_with_its_first_preset(
    family: lt.ModelFamily, tmp_path: Path
) -> None:
    extended = joined(family, DULL, LEARNED)
    example = example_of(extended, None)
    assert example is not None
    assert has_example(extended)
    assert example.provider is not None
    assert "longtake-e1" in example.provider
    assert example.write(tmp_path) == tmp_path / "installed"
    assert preset_of(extended, None, None) == "small"
    assert preset_of(extended, None, "dull") == "dull"


def test_the_familys_own_has_a_name() -> None:
    example = example_of(joined(OWN, LEARNED), RANDOM)
    assert example is not None
    assert example.source is own
    assert preset_of(joined(OWN, LEARNED), RANDOM, None) is None


@pytest.mark.parametrize(
    ("family", "model"), [(joined(OWN, LEARNED), Path("elsewhere")), (joined(LIGHT, LEARNED), None)]
)
def test_none_is_needed_with_a_checkpoint_or_without_weights(
    family: lt.ModelFamily, model: Path | None
) -> None:
    assert example_of(family, model) is None
    assert preset_of(family, model, None) is None


@pytest.mark.parametrize(
    ("family", "model", "problem"),
    [
        (BARE, None, "no example: give --model DIR"),
        (joined(BARE, LEARNED), RANDOM, "no example: give --model DIR"),
        (
            joined(
                OWN, LEARNED, lt.Extension("tried", presets=(lt.Preset("big"),), example=learned)
            ),
            None,
            "longtake-e0.*longtake-e1.*--model tiny:random",
        ),
    ],
)
def test_else_somebody_has_to_say(family: lt.ModelFamily, model: Path | None, problem: str) -> None:
    with pytest.raises(click.UsageError, match=problem):
        example_of(family, model)


def test_one_that_does_not_fit_the_family_is_not_used() -> None:
    misfit: dict[str, Any] = {"requires": ">=2", "presets": (lt.Preset("small"),)}
    extended = joined(OWN, lt.Extension("tried", example=learned, **misfit))
    example = example_of(extended, None)
    assert example is not None
    assert example.source is own
