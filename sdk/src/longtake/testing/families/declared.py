"""A family is declared: lightly, the same each time, under an entry point."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution, entry_points
from typing import Any

import pytest

import longtake as lt
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.processes import told_by
from longtake.testing.families.trying import TriedFamily

__all__ = ["DeclaredContract"]


class DeclaredContract(FamilyFixtures):
    """What the plugin says before anything of it is used."""

    def test_the_plugin_loads(self, plugin: str) -> None:
        try:
            registry = lt.Registry.of(plugin)
        except lt.LongtakeError as error:
            pytest.fail(f"the plugin does not load: {error}")
        assert registry.families, "the plugin has no family: longtake_families returned none"

    @pytest.mark.longtake_slow
    def test_declaring_imports_nothing_heavy(self, plugin: str, tried: TriedFamily) -> None:
        assert tried.is_loaded
        heavy = told_by("longtake.testing.families.import_probe", {"plugin": plugin})
        assert heavy == [], (
            f"importing {plugin}, its hooks or its options imported {', '.join(heavy)}; name what "
            "needs them as 'package.module:attribute', or import them inside functions"
        )

    def test_hooks_answer_the_same_again(self, plugin: str, tried: TriedFamily) -> None:
        answers = [_told(provided.value) for provided in tried.registry.families]
        again = [_told(provided.value) for provided in lt.Registry.of(plugin).families]
        assert answers == again, "longtake_families returned something else when called again"

    def test_an_entry_point_names_the_plugin(self, plugin: str) -> None:
        found = [each.value for each in entry_points(group="longtake")]
        if any(value.partition(":")[0] == plugin for value in found):
            return
        owner = plugin.partition(".")[0].replace("_", "-")
        try:
            distribution(owner)
        except PackageNotFoundError:
            pytest.skip(f"{owner} is not installed, so there is no entry point to look at")
        pytest.fail(
            f"{owner} is installed without an entry point for {plugin}; it needs, in its "
            f'pyproject.toml: [project.entry-points.longtake] name = "{plugin}"'
        )


def _told(family: lt.ModelFamily) -> dict[str, Any]:
    """What a family says of itself, without objects that need not compare as equal."""
    return {
        "name": family.name,
        "description": family.description,
        "defaults": dict(family.defaults),
        "stages": [spec.name for spec in family.stages],
        "finish": [spec.name for spec in family.finish],
        "presets": [
            (
                preset.name,
                preset.version,
                preset.workload,
                preset.description,
                dict(preset.defaults),
                {name: dict(fields) for name, fields in preset.stage_defaults.items()},
                sorted(preset.overrides),
            )
            for preset in family.presets
        ],
        "codecs": [(type(codec), codec.kind, codec.state_type) for codec in family.codecs],
    }
