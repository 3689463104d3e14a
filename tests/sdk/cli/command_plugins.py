"""Installed plugins that each add one command, in a module of its own."""

from __future__ import annotations

from longtake.testing import FakeDistributions, Finished

PLUGIN = """
import longtake as lt

@lt.hookimpl
def longtake_commands():
    return [lt.Command("NAME", "MODULE:command", help="Say NAME.")]
"""

COMMAND = """
import click

@click.command()
@click.argument("words", nargs=-1)
def command(words):
    \"\"\"Say NAME and the WORDS.\"\"\"
    click.echo(" ".join(("NAME", *words)))
"""


def add(installed: FakeDistributions, name: str, *, distribution: str, target: str = "") -> None:
    """Install a plugin with the command ``name``, in a module of its own."""
    module = f"{distribution.replace('-', '_')}_command"
    source = PLUGIN.replace("NAME", name).replace("MODULE:command", target or f"{module}:command")
    installed.add(distribution, source)
    code = f"open(__file__ + '.ran', 'w').close()\n{COMMAND.replace('NAME', name)}"
    (installed.folder / f"{module}.py").write_text(code)


def longtake(installed: FakeDistributions, *argv: str) -> Finished:
    cache = str(installed.folder.parent / "cache")
    return installed.python("-m", "longtake", *argv, XDG_CACHE_HOME=cache)
