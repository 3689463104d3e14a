"""``longtake pool``: the workers of a dispatcher, seen from elsewhere."""

from __future__ import annotations

from typing import Any

import click

from longtake.cli.terminal.tables import print_json, print_table
from longtake.dispatch.opening import open_dispatcher_pool
from longtake.schema.wire import unstructure

__all__ = ["pool"]


@click.group()
def pool() -> None:
    """Look at the workers of a dispatcher such as ray://, and have them replaced."""


@pool.command()
@click.argument("url")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on standard output."
)
def status(url: str, as_json: bool) -> None:
    """Show the workers of the dispatcher at URL, and how many orders wait."""
    found = open_dispatcher_pool(url).status()
    document: Any = unstructure(found)
    if as_json:
        print_json(document)
        return
    print_table(
        ("worker", "device", "session", "order", "done"),
        [
            (each.name, each.device, each.session_id or "-", each.order_id or "-", done)
            for each in found.workers
            for done in [str(each.orders_done)]
        ],
    )
    draining = "; it takes no more" if found.draining else ""
    click.echo(f"\n{len(found.workers)} workers, {found.queued} orders wait{draining}")


@pool.command()
@click.argument("url")
def replace(url: str) -> None:
    """Have every worker at URL replaced by a new one, each after its order, one after the other."""
    number = open_dispatcher_pool(url).replace()
    click.echo(f"{number} workers will be replaced, one after the other")
