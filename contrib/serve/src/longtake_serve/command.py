"""``longtake serve``: one command, and there is a session service."""

from __future__ import annotations

from typing import Any

import click

from longtake_serve.settings import rows_of, settings_of, settings_options

__all__ = ["serve"]


@click.command("serve")
@settings_options
@click.option("--show-settings", is_flag=True, help="Print all settings and where they are from.")
@click.pass_context
def serve(context: click.Context, /, show_settings: bool, **values: Any) -> None:
    """Serve takes over HTTP: they are extended, forked and rewound, and played while they grow.

    Without options: pendulums on this machine alone, kept in a folder of their own. Each option may
    be set by LONGTAKE_SERVE_NAME in the environment, too, or in a TOML file (--config). What is
    nearer wins: the option, the environment, the file.
    """
    settings = settings_of(values)
    if show_settings:
        rows = rows_of(context, settings)
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for name, value, source in rows:
            click.echo(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}")
        return
    from longtake_serve.running import run  # late: it imports the web server

    run(settings, lambda address: click.echo(f"Takes are served at {address}"))
