"""Names that are nearly right are recognised; others are left alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import frozen

import longtake as lt
from longtake.schema.suggestions import did_you_mean

KNOWN = ["generate", "finish", "Ladders"]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("generte", " (did you mean 'generate'?)"),
        ("FINISH", " (did you mean 'finish'?)"),
        ("ladder", " (did you mean 'Ladders'?)"),
        ("direct", ""),
        ("", ""),
        ("generate" * 1000, ""),
    ],
)
def test_the_name_most_like_it_is_suggested(wrong: str, meant: str) -> None:
    assert did_you_mean(wrong, KNOWN) == meant


def test_of_nothing_nothing_is_suggested() -> None:
    assert did_you_mean("fog", []) == ""


@frozen
class Options:
    strength: float = 1.0


@frozen(kw_only=True)
class FogState(lt.TakeState):
    """A state like any other."""


FOG = lt.ModelFamily(
    "fog",
    (lt.StageSpec("draw", lambda: None, options=Options),),
    presets=(lt.Preset("thin"), lt.Preset("thick", version=2)),
    codecs=(lt.AttrsCodec("fog.v1", FogState),),
)
UNKNOWN: list[tuple[Callable[[], object], str]] = [
    (lambda: lt.Registry([]).family("fog"), "no plugin provides the family 'fog'; known: none"),
    (lambda: lt.open_blob_store("memry:"), "'memry' (did you mean 'memory'?); known: "),
    (lambda: FOG.preset("thcik"), "no preset 'thcik' (did you mean 'thick'?); presets: "),
    (lambda: FOG.preset("thin@9"), "no preset 'thin@9'; presets: "),
    (lambda: FOG.writing_codec("fog.v2"), "kind 'fog.v2' (did you mean 'fog.v1'?); its kinds"),
    (lambda: lt.structure({"strenght": 1}, Options), "(did you mean 'strength'?); allowed: "),
    (lambda: lt.structure({1: 1}, Options), "[1]: unknown field; allowed: strength"),
]


@pytest.mark.parametrize(("ask", "text"), UNKNOWN)
def test_every_error_about_an_unknown_name_says_what_was_meant(
    ask: Callable[[], object], text: str
) -> None:
    with pytest.raises(lt.LongtakeError) as refused:
        ask()
    assert text in str(refused.value)
