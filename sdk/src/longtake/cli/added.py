"""Commands that plugins add: known by name and help; each is imported when it is run."""

from __future__ import annotations

import click

from longtake.commands import COMMAND_NAME

__all__ = ["added_command", "is_added"]


def is_added(name: str) -> bool:
    """Whether plugins have a command called ``name``, be it in dispute."""
    if not COMMAND_NAME.fullmatch(name):
        return False
    from longtake.plugins.registry import Registry

    return Registry.default().has_command(name)


def added_command(name: str) -> click.Command:
    """Import the command called ``name``.

    Raises `NameClashError` where two plugins have it, `PluginError` where it cannot be imported or
    is no command.
    """
    from longtake.errors import PluginError
    from longtake.plugins.registry import Registry
    from longtake.schema.references import resolve

    provided = Registry.default().command(name)
    whose = f"command {name!r} of {provided.plugin.provider}"
    try:
        found = resolve(provided.value.command)
    except PluginError as error:
        raise PluginError(f"{whose}: {error}") from error
    except Exception as error:  # isolation: what imports it is a plugin's code
        raise PluginError(f"{whose}: {type(error).__name__}: {error}") from error
    if not isinstance(found, click.Command):
        kind = type(found).__name__
        raise PluginError(f"{whose}: {provided.value.command} is a {kind}, not a click command")
    return found
