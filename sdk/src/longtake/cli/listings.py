"""``longtake families``, ``presets`` and ``plugins``. Imports nothing heavy, nor do plugins."""

from __future__ import annotations

from typing import Any

import click

from longtake.cli.tables import print_json, print_table
from longtake.families import ModelFamily
from longtake.plugins import Plugin
from longtake.presets import Preset
from longtake.references import Reference
from longtake.registry import Provided, Registry
from longtake.stages import StageSpec

__all__ = ["families", "plugins", "presets"]

_as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on standard output."
)


@click.command()
@_as_json
def families(as_json: bool) -> None:
    """List the model families that plugins provide."""
    registry = Registry.default()
    records = [_family_record(provided) for provided in registry.families]
    if as_json:
        print_json(records)
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
    _point_at_failures(registry)


@click.command()
@click.argument("family", required=False)
@_as_json
def presets(family: str | None, as_json: bool) -> None:
    """List the presets of FAMILY, or of all families."""
    registry = Registry.default()
    found = [p.value for p in registry.families] if family is None else [registry.family(family)]
    listed = [(each, preset) for each in found for preset in each.presets]
    if as_json:
        print_json([_preset_record(each, preset) for each, preset in listed])
        return
    print_table(
        ("family", "preset", "size", "frames", "fps", "steps", "guidance", "description"),
        [
            (each.name, f"{preset.name}@{preset.version}", *_preset_cells(each, preset))
            for each, preset in listed
        ],
    )


@click.command()
@_as_json
def plugins(as_json: bool) -> None:
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
            click.echo(f"\n{record['name']} ({record['distribution']}): {record['error']}")


def _point_at_failures(registry: Registry) -> None:
    troubled = [p for p in registry.plugins if p.error and p.status != "blocked"]
    if troubled:
        click.echo(f"note: {len(troubled)} plugins have errors; see 'longtake plugins'", err=True)


def _family_record(provided: Provided[ModelFamily]) -> dict[str, Any]:
    family, plugin = provided.value, provided.plugin
    return {
        "name": family.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "presets": list(dict.fromkeys(preset.name for preset in family.presets)),
        "stages": list(dict.fromkeys(spec.name for spec in family.stages)),
        "continuation_kinds": [codec.kind for codec in family.codecs],
    }


def _plugin_record(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "status": plugin.status,
        "error": plugin.error,
        "provides": list(plugin.provides),
    }


def _preset_record(family: ModelFamily, preset: Preset) -> dict[str, Any]:
    stages = family.stages if preset.stages is None else preset.stages
    return {
        "name": preset.name,
        "version": preset.version,
        "workload": preset.workload,
        "description": preset.description,
        "defaults": _defaults(family, preset),
        "stages": [{"name": spec.name, "kind": _kind(spec)} for spec in stages],
    }


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


def _preset_cells(family: ModelFamily, preset: Preset) -> tuple[str, ...]:
    known = _defaults(family, preset)
    size = f"{known['width']}x{known['height']}" if {"width", "height"} <= known.keys() else "-"
    names = ("num_frames", "fps", "num_inference_steps", "guidance_scale")
    return (size, *(str(known.get(name, "-")) for name in names), preset.description)
