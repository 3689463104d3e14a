"""``longtake families``, ``presets`` and ``plugins``, with their options."""

from __future__ import annotations

import click

from longtake.cli.listings import print_families, print_plugins, print_presets

__all__ = ["families", "plugins", "presets"]

_as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on standard output."
)


@click.command()
@_as_json
def families(as_json: bool) -> None:
    """List the model families that plugins provide."""
    print_families(as_json)


@click.command()
@click.argument("family", required=False)
@_as_json
def presets(family: str | None, as_json: bool) -> None:
    """List the presets of FAMILY, or of all families."""
    print_presets(as_json, family)


@click.command()
@_as_json
def plugins(as_json: bool) -> None:
    """List the installed plugins: what each provides, and why one failed."""
    print_plugins(as_json)
