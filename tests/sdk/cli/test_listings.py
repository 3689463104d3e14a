"""``longtake families``, ``presets``, ``plugins``: for programs and for people."""

from __future__ import annotations

import json

from tests.sdk.cli.cli_support import Command


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
        },
        {
            "name": "fog",
            "distribution": "longtake-toys",
            "version": "1.2",
            "presets": ["thin", "thick"],
            "stages": ["draw"],
            "continuation_kinds": ["fog.v1"],
        },
    ]


def test_presets_as_json_have_flat_plain_defaults(longtake: Command) -> None:
    thin, thick = json.loads(longtake("presets", "fog", "--json").out)
    assert thin == {
        "name": "thin",
        "version": 1,
        "workload": "text-to-video",
        "description": "little fog",
        "defaults": {"seed": 1, "height": 32, "width": 48, "num_frames": 4, "fps": 24},
        "stages": [{"name": "draw", "kind": "Draw"}],
    }
    assert thick["version"] == 2
    assert thick["defaults"]["fps"] == "24000/1001"
    assert thick["defaults"]["negative_prompt"] == "sky:CLEAR"
    assert thick["defaults"]["height"] == 32


def test_presets_of_all_families_and_of_one_without_any(longtake: Command) -> None:
    assert len(json.loads(longtake("presets", "--json").out)) == 2
    assert json.loads(longtake("presets", "dust", "--json").out) == []


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
        "status": "failed",
        "error": "import: ImportError: no module 'wet'",
        "provides": [],
    }


def test_tables_are_aligned(longtake: Command) -> None:
    lines = longtake("families").out.splitlines()
    assert lines[0].split() == ["FAMILY", "DISTRIBUTION", "VERSION", "PRESETS", "STATES"]
    assert {line.index("longtake-toys") for line in lines[1:]} == {lines[0].index("DISTRIBUTION")}


def test_the_table_of_plugins_ends_with_the_reasons(longtake: Command) -> None:
    listed = longtake("plugins")
    assert listed.code == 0
    assert listed.out.endswith("mud (longtake-mud): import: ImportError: no module 'wet'\n")


def test_the_table_of_families_points_at_broken_plugins(longtake: Command) -> None:
    assert "longtake plugins" in longtake("families").err


def test_an_unknown_family_is_wrong_use(longtake: Command) -> None:
    refused = longtake("presets", "snow")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: no plugin provides the family 'snow'; known: dust, fog\n"
