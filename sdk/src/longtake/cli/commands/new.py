"""``longtake new``: a package to write a plugin in."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from longtake.plugins.registry import Registry
from longtake.scaffolding.package import Template, write_package

__all__ = ["new"]


@click.group(invoke_without_command=True)
@click.pass_context
def new(ctx: click.Context) -> None:
    """Start a package with a plugin, in a folder of its own.

    It works as it is, and its tests pass; what it does is there to be replaced.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@new.command()
@click.argument("name")
def family(name: str) -> None:
    """Start a package with a model family.

    It is called NAME and needs no weights: something swings, and can be heard.
    """
    _write("family", name, f'longtake generate --family {name} "a ball of light" -o {name}.mp4')


@new.command("blob-store")
@click.argument("name")
def blob_store(name: str) -> None:
    """Start a package with a blob store.

    It keeps blobs in an SQLite file, named by a URL NAME:///absolute/path.
    """
    _write("blob_store", name, f'longtake doctor --blobs "{name}://$PWD/blobs.db"')


@new.command("session-store")
@click.argument("name")
def session_store(name: str) -> None:
    """Start a package with a session store.

    It keeps sessions in an SQLite file, named by a URL NAME:///absolute/path.
    """
    _write("session_store", name, f'longtake doctor --sessions "{name}://$PWD/sessions.db"')


@new.command()
@click.argument("name")
def extension(name: str) -> None:
    """Start a package that adds a preset to LTX-2.

    The preset is called NAME; its recipe is LTX-2's with one more stage, which draws a mark.
    """
    size = "--height 64 --width 64 --num-frames 17"
    _write("extension", name, f'longtake generate "dusk" --preset {name} {size} -o {name}.mp4')


@new.command()
@click.argument("name")
def observer(name: str) -> None:
    """Start a package with an observer.

    It is called NAME and writes a line of JSON about each run to a file.
    """
    options = f'LONGTAKE_OBSERVERS=\'{{"{name}": {{"path": "runs.jsonl"}}}}\''
    _write("observer", name, f'{options} longtake generate "a ball of light"')


def _write(template: Template, name: str, trial: str) -> None:
    folder = write_package(template, name, Path(), Registry.default())
    click.echo(f"{folder} is a package that works as it is. Install, test and try it:\n")
    click.echo(f"  python -m pip install -e {shlex.quote(f'./{folder}[test]')}")
    click.echo(f"  python -m pytest {folder}")
    click.echo(f"  {trial}")
