"""``longtake families``, ``presets``, ``plugins``: for programs and for people."""

from __future__ import annotations

import json

import pytest
from attrs import frozen

import longtake as lt
from longtake.plugins.loading import Plugin
from longtake.testing import FakeDistributions
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.toy_family import DrawOptions, Speck


def test_families_as_json(longtake: Command) -> None:
    listed = longtake("families", "--json")
    assert (listed.code, listed.err) == (0, "")
    assert json.loads(listed.out) == [
        {
            "name": "dust",
            "distribution": "longtake-toys",
            "version": "1.2",
            "presets": [],
            "stages": ["speck"],
            "continuation_kinds": [],
            "extensions": [],
            "published": [],
        },
        {
            "name": "fog",
            "distribution": "longtake-toys",
            "version": "1.2",
            "presets": ["thin", "thick"],
            "stages": ["draw"],
            "continuation_kinds": ["fog.v1"],
            "extensions": [],
            "published": [],
        },
    ]


def test_presets_as_json_have_flat_plain_defaults(longtake: Command) -> None:
    thin, thick = json.loads(longtake("presets", "fog", "--json").out)
    assert thin == {
        "family": "fog",
        "name": "thin",
        "version": 1,
        "distribution": "longtake-toys",
        "distribution_version": "1.2",
        "workload": "text-to-video",
        "description": "little fog",
        "defaults": {"seed": 1, "height": 32, "width": 48, "num_frames": 4, "fps": 24},
        "stages": [
            {
                "name": "draw",
                "kind": "Draw",
                "distribution": "longtake-toys",
                "schema": lt.json_schema(DrawOptions),
            }
        ],
        "overrides": {},
    }
    assert thick["version"] == 2
    assert thick["defaults"]["fps"] == "24000/1001"
    assert thick["defaults"]["negative_prompt"] == "sky:CLEAR"
    assert thick["defaults"]["height"] == 32


@frozen(kw_only=True)
class DustOptions:
    num_inference_steps: int = 1
    blur: float = 0.0
    tint: str = ""


@frozen(kw_only=True)
class DustOverrides:
    enabled: bool = True


def dust_recipe(*, draw: DustOverrides) -> tuple[lt.StageSpec, ...]:
    speck = lt.StageSpec("speck", Speck)
    return (lt.StageSpec("draw", Speck, options=DustOptions), speck) if draw.enabled else (speck,)


DUST = lt.ModelFamily(
    "dust",
    ("no.such.module:Draw",),
    presets=(
        lt.Preset(
            "built",
            stages=dust_recipe,
            overrides={"draw": DustOverrides},
            defaults={"num_inference_steps": 7},
            stage_defaults={"draw": {"blur": 0.5, "tint": lt.Reference("sky:TINT")}},
        ),
    ),
)
HEAVY = lt.ModelFamily(
    "heavy",
    (lt.StageSpec("draw", Speck, options="no.such.module:Options"),),
    presets=(lt.Preset("grey"),),
)


@pytest.fixture
def dusty(longtake: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The families of this file are installed instead."""
    registry = lt.Registry([Plugin("main", "toys", "1", "loaded", families=(DUST, HEAVY))])
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)
    return longtake


def test_presets_as_json_have_schemas_with_the_defaults_of_the_preset(dusty: Command) -> None:
    [built] = json.loads(dusty("presets", "dust", "--json").out)
    draw, speck = built["stages"]
    assert (draw["name"], draw["kind"]) == ("draw", "Speck")
    assert speck == {
        "name": "speck",
        "kind": "Speck",
        "distribution": "toys",
        "schema": None,
    }
    properties = draw["schema"]["properties"]
    assert properties["num_inference_steps"]["default"] == 7
    assert properties["blur"] == {"type": "number", "default": 0.5}
    assert properties["tint"] == {"type": "string"}
    assert built["overrides"] == {"draw": lt.json_schema(DustOverrides)}


def test_a_family_whose_schemas_cannot_be_read_costs_only_itself(dusty: Command) -> None:
    listed = dusty("presets", "--json")
    assert listed.code == 0
    assert [preset["name"] for preset in json.loads(listed.out)] == ["built"]
    assert listed.err.startswith("note: the presets of heavy cannot be shown: PluginError")
    refused = dusty("presets", "heavy", "--json")
    assert (refused.code, refused.out) == (1, "")
    assert "no.such.module:Options" in refused.err


def test_presets_of_all_families_and_of_one_without_any(longtake: Command) -> None:
    assert len(json.loads(longtake("presets", "--json").out)) == 3
    [only] = json.loads(longtake("presets", "dust", "--json").out)
    assert (only["name"], only["version"]) == ("default", 1)
    assert longtake("presets", "dust").out.splitlines()[1].split()[:2] == ["dust", "default@1"]


def test_plugins_as_json_name_what_failed(longtake: Command) -> None:
    listed = longtake("plugins", "--json")
    assert (listed.code, listed.err) == (0, "")
    toys, mud = json.loads(listed.out)
    assert toys["status"] == "loaded"
    assert toys["error"] is None
    assert "family:fog" in toys["provides"]
    assert mud == {
        "name": "mud",
        "distribution": "longtake-mud",
        "version": "0.9",
        "api": None,
        "status": "failed",
        "phase": "import",
        "error": "ImportError: no module 'wet'",
        "provides": [],
    }


def test_tables_are_aligned(longtake: Command) -> None:
    lines = longtake("families").out.splitlines()
    assert lines[0].split() == ["FAMILY", "DISTRIBUTION", "VERSION", "PRESETS", "STATES"]
    assert {line.index("longtake-toys") for line in lines[1:]} == {lines[0].index("DISTRIBUTION")}


def test_the_table_of_plugins_ends_with_the_reasons(longtake: Command) -> None:
    listed = longtake("plugins")
    assert listed.code == 0
    assert listed.out.endswith(
        "mud (longtake-mud 0.9) failed in import: ImportError: no module 'wet'\n"
    )


def test_the_table_of_families_points_at_broken_plugins(longtake: Command) -> None:
    assert "longtake plugins" in longtake("families").err


def test_an_unknown_family_is_wrong_use(longtake: Command) -> None:
    refused = longtake("presets", "snow")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error: no plugin provides the family 'snow'; known: dust, fog; "
        "not loaded: longtake-mud:mud (failed), see 'longtake plugins'\n"
    )


BROKEN = {
    "longtake-broken0": "import a_package_that_nobody_has",
    "longtake-broken1": "def longtake_families(:",
    "longtake-broken2": "LONGTAKE_API = '>=7'",
    "longtake-broken3": "import longtake as lt\n\n@lt.hookimpl\ndef longtake_familys(): pass",
    "longtake-broken4": "raise SystemExit('no licence')",
}

IMPORTED = """
import sys
from longtake.cli import main

assert main(["plugins"]) == 0
sys.stderr.write(" ".join(name for name in sys.modules if not name.startswith("longtake_")))
"""


def test_many_plugins_import_no_more_than_one_does(installed: FakeDistributions) -> None:
    installed.add_family("longtake-fog0", family="fog0")
    one = installed.python("-c", IMPORTED, LONGTAKE_PLUGINS="longtake-fog0")
    for index in range(1, 45):
        installed.add_family(f"longtake-fog{index}", family=f"fog{index}")
    for name, source in BROKEN.items():
        installed.add(name, source)
    names = ",".join([*(f"longtake-fog{index}" for index in range(45)), *BROKEN])
    many = installed.python("-c", IMPORTED, LONGTAKE_PLUGINS=names)
    assert (one.code, many.code) == (0, 0)
    assert many.out.count(" failed in ") == len(BROKEN)
    assert set(many.err.split()) - set(one.err.split()) == set()
