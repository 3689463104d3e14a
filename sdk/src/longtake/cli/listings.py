"""What the listings print: families, presets, plugins. Imports nothing heavy, nor do plugins.

They need no parser of options either, so the plainest ones are printed without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from longtake.cli.terminal.tables import print_json, print_line, print_table, print_text
from longtake.errors import text_of
from longtake.families.family import ModelFamily
from longtake.families.presets import Preset
from longtake.families.stages import StageSpec, stage_defaults
from longtake.plugins.loading import Plugin
from longtake.plugins.registry import Provided, Registry
from longtake.schema.references import Reference

if TYPE_CHECKING:
    from longtake.families.extensions import JoinedExtension

__all__ = ["print_families", "print_plugins", "print_presets"]


def print_families(as_json: bool) -> None:
    """List the model families that plugins provide."""
    registry = Registry.default()
    records = [_family_record(provided) for provided in registry.families]
    if as_json:
        print_json(
            [_with_published(*each) for each in zip(records, registry.families, strict=True)]
        )
        return
    print_table(
        ("family", "distribution", "version", "presets", "states"),
        [
            (
                record["name"],
                record["distribution"],
                record["version"],
                ", ".join(record["presets"]) or "-",
                ", ".join(record["continuation_kinds"]) or "-",
            )
            for record in records
        ],
    )
    for record in records:
        for added in record["extensions"]:
            names = ", ".join([*added["presets"], *added["continuation_kinds"]]) or "nothing"
            whose = f"{added['distribution']} {added['version']}"
            print_line(f"\n{record['name']} is extended by {whose}: {names}")
    _point_at_failures(registry)


def print_presets(as_json: bool, family: str | None = None) -> None:
    """List the presets of FAMILY, or of all families."""
    registry = Registry.default()
    if family is not None:
        registry.family(family)  # refuses one that is not there
    found = [p for p in registry.families if family in (None, p.value.name)]
    if as_json:
        read = _preset_records if family is not None else _isolated_preset_records
        print_json([record for each in found for record in read(each)])
        return
    print_table(_PRESET_COLUMNS, [row for each in found for row in _preset_rows(each)])
    _point_at_failures(registry)


def print_plugins(as_json: bool) -> None:
    """List the installed plugins: what each provides, and why one failed."""
    records = [_plugin_record(plugin) for plugin in Registry.default().plugins]
    if as_json:
        print_json(records)
        return
    print_table(
        ("plugin", "distribution", "version", "status", "provides"),
        [
            (r["name"], r["distribution"], r["version"], r["status"], ", ".join(r["provides"]))
            for r in records
        ],
    )
    for record in records:
        if record["error"]:
            where = f" in {record['phase']}" if record["phase"] else ""
            whose = f"{record['name']} ({record['distribution']} {record['version']})"
            print_line()
            print_text(f"{whose} {record['status']}{where}: {record['error']}")


def _point_at_failures(registry: Registry) -> None:
    troubled = [p for p in registry.plugins if p.error and p.status != "blocked"]
    if troubled:
        print_line(f"note: {len(troubled)} plugins have errors; see 'longtake plugins'", err=True)


def _family_record(provided: Provided[ModelFamily]) -> dict[str, Any]:
    family, plugin = provided.value, provided.plugin
    return {
        "name": family.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "presets": list(dict.fromkeys(preset.name for preset in family.presets)),
        "stages": list(dict.fromkeys(spec.name for spec in family.stages)),
        "continuation_kinds": [codec.kind for codec in family.codecs],
        "extensions": [_extension_record(joined) for joined in family.extensions],
    }


def _extension_record(joined: JoinedExtension) -> dict[str, Any]:
    return {
        "distribution": joined.distribution,
        "version": joined.version,
        "description": joined.extension.description,
        "presets": [preset.name for preset in joined.presets],
        "continuation_kinds": [codec.kind for codec in joined.codecs],
        "components": list(joined.extension.components),
        "refused": {each.name: each.why for each in joined.refused},
    }


def _with_published(record: dict[str, Any], provided: Provided[ModelFamily]) -> dict[str, Any]:
    family, names = provided.value, list[str]()
    with _isolated(f"what {family.name} published"):
        names = [checkpoint.name for checkpoint in family.published_checkpoints]
    return {**record, "published": names}


def _plugin_record(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "api": plugin.api,
        "status": plugin.status,
        "phase": plugin.phase,
        "error": plugin.error,
        "provides": list(plugin.provides),
    }


def _isolated_preset_records(provided: Provided[ModelFamily]) -> list[dict[str, Any]]:
    with _isolated(f"the presets of {provided.value.name}"):
        return _preset_records(provided)
    return []


def _preset_records(provided: Provided[ModelFamily]) -> list[dict[str, Any]]:
    """Those of the family, then those of extensions; a broken one of these costs only itself."""
    own, added = _presets(provided.value)
    records = [_preset_record(provided, preset) for preset in own]
    for preset in added:
        with _isolated(f"preset {preset.name}"):
            records.append(_preset_record(provided, preset))
    return records


@contextmanager
def _isolated(what: str) -> Iterator[None]:
    """A plugin's part that cannot be shown costs only itself; a note says so."""
    try:
        yield
    except Exception as error:  # isolation
        problem = f"{type(error).__name__}: {text_of(error)}"
        print_line(f"note: {what} cannot be shown: {problem}", err=True)


def _presets(family: ModelFamily) -> tuple[list[Preset], list[Preset]]:
    """Its own, and those of extensions, each with what its base says."""
    declared = family.presets or (family.preset(),)
    whole = []
    for each in declared:
        with _isolated(f"preset {each.name}"):
            whole.append((each, family.preset(f"{each.name}@{each.version}")))
    foreign = {id(preset) for joined in family.extensions for preset in joined.presets}
    own = [preset for each, preset in whole if id(each) not in foreign]
    return own, [preset for each, preset in whole if id(each) in foreign]


def _whose(provided: Provided[ModelFamily], preset: Preset) -> tuple[str, str]:
    """The distribution that brings the preset, and its version."""
    for joined in provided.value.extensions:
        if any((p.name, p.version) == (preset.name, preset.version) for p in joined.presets):
            return joined.distribution, joined.version
    return provided.plugin.distribution, provided.plugin.version


def _preset_record(provided: Provided[ModelFamily], preset: Preset) -> dict[str, Any]:
    from longtake.schema.json_schema import json_schema  # late: the other listings do without

    family, (distribution, version) = provided.value, _whose(provided, preset)
    defaults = {**family.defaults, **preset.defaults}
    recipe = family.recipe(preset)
    lowest = stage_defaults(recipe)
    return {
        "family": family.name,
        "name": preset.name,
        "version": preset.version,
        "distribution": distribution,
        "distribution_version": version,
        "workload": preset.workload,
        "description": preset.description,
        "defaults": {name: _plain(value) for name, value in defaults.items()},
        "stages": [
            {
                "name": spec.name,
                "kind": _kind(spec),
                "distribution": distribution_of_stage(provided, preset, spec),
                "schema": _options_schema(spec, lowest.get(spec.name, {}), defaults, preset),
            }
            for spec in recipe
        ],
        "overrides": {name: json_schema(preset.override_class(name)) for name in preset.overrides},
    }


def distribution_of_stage(provided: Provided[ModelFamily], preset: Preset, spec: StageSpec) -> str:
    """Who brings a stage of the preset's recipe."""
    joined = provided.value.extension_of_stage(preset, spec)
    return provided.plugin.distribution if joined is None else joined.distribution


def _options_schema(
    spec: StageSpec, lowest: Mapping[str, Any], defaults: Mapping[str, Any], preset: Preset
) -> dict[str, Any] | None:
    """Of what a request may override, with the values that it gets when it does not."""
    from longtake.schema.json_schema import json_schema

    cls = spec.options_class()
    if cls is None:
        return None
    followed = {name: defaults[name] for name in spec.followed_fields() if name in defaults}
    own = preset.stage_defaults.get(spec.name, {})
    return json_schema(cls, defaults={**lowest, **followed, **own})


def _defaults(family: ModelFamily, preset: Preset) -> dict[str, Any]:
    merged = {**family.defaults, **preset.defaults}
    return {name: _plain(value) for name, value in merged.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Reference):
        return value.target
    if value is None or isinstance(value, bool | int | float | str):
        return value
    text = str(value)  # a ratio such as 24000/1001
    return int(text) if text.isdecimal() else text


def _kind(spec: StageSpec) -> str:
    stage: Any = spec.stage
    if isinstance(stage, str):
        return stage.rpartition(":")[2].rpartition(".")[2]
    return str(stage.__name__ if hasattr(stage, "__name__") else type(stage).__name__)


_PRESET_COLUMNS = (
    "family",
    "preset",
    "from",
    "height x width",
    "frames",
    "fps",
    "steps",
    "guidance",
    "description",
)


def _preset_rows(provided: Provided[ModelFamily]) -> list[tuple[str, ...]]:
    family = provided.value
    return [
        (
            family.name,
            f"{preset.name}@{preset.version}",
            _whose(provided, preset)[0],
            *_preset_cells(family, preset),
        )
        for presets in _presets(family)
        for preset in presets
    ]


def _preset_cells(family: ModelFamily, preset: Preset) -> tuple[str, ...]:
    known = _defaults(family, preset)
    size = f"{known['height']}x{known['width']}" if {"width", "height"} <= known.keys() else "-"
    names = ("num_frames", "fps", "num_inference_steps", "guidance_scale")
    return (size, *(str(known.get(name, "-")) for name in names), preset.description)
