"""``longtake mark``: imported when it is run."""

from __future__ import annotations

import click

import longtake as lt


@click.command()
@click.argument("preset", default="marked")
def mark(preset: str) -> None:
    """Show which stage of PRESET of LTX-2 draws a watermark, and its options."""
    family = lt.Registry.default().family("ltx2")
    for spec in family.recipe(family.preset(preset)):
        options = spec.options_class()
        if spec.name == "watermark" and options is not None:
            click.echo(f"{spec.name}: {sorted(lt.json_schema(options)['properties'])}")
