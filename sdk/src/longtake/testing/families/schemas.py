"""The options that a family has, with their schemas. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

import longtake as lt

__all__ = ["FamilySchemas", "schemas_of"]

Schema = Mapping[str, Any]


@frozen
class FamilySchemas:
    """Schemas by field. ``stages``: by preset and stage; ``overrides``: by preset and name."""

    family: Mapping[str, Schema]
    stages: Mapping[str, Mapping[str, Mapping[str, Schema]]]
    overrides: Mapping[str, Mapping[str, Mapping[str, Schema]]]


def schemas_of(family: lt.ModelFamily) -> FamilySchemas:
    """The schemas of all options. Raises `PluginError` for options that have none."""
    presets = family.presets or (family.preset(),)
    options: Any = family.options
    if isinstance(options, str):
        options = lt.Reference(options).resolve()
    return FamilySchemas(
        {} if options is None else _fields(options),
        {_name(preset): _stages(family, preset) for preset in presets},
        {
            _name(preset): {name: _fields(preset.override_class(name)) for name in preset.overrides}
            for preset in presets
        },
    )


def _name(preset: lt.Preset) -> str:
    return f"{preset.name}@{preset.version}"


def _stages(family: lt.ModelFamily, preset: lt.Preset) -> dict[str, Mapping[str, Schema]]:
    found = {}
    for spec in family.recipe(preset):
        options = spec.options_class()
        if options is not None:
            found[spec.name] = _fields(options)
    return found


def _fields(cls: Any) -> Mapping[str, Schema]:
    properties: Mapping[str, Schema] = lt.json_schema(cls)["properties"]
    return properties
