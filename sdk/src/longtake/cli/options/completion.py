"""What a shell offers while a command line is typed. Imports nothing heavy, and never fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import wraps

import click
from click.shell_completion import CompletionItem

from longtake.media.formats import CONTAINER_FORMATS
from longtake.plugins.registry import Registry

__all__ = [
    "blob_urls",
    "family_names",
    "preset_names",
    "session_urls",
    "state_and_take_files",
    "state_files",
    "take_files",
]

_STATES = (".json",)
_TAKES = tuple(CONTAINER_FORMATS)

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_URLS = {"memory": "memory:", "file": "file:///", "sqlite": "sqlite:"}


def _quiet(complete: Completer) -> Completer:
    """Offer nothing where there is no telling: a traceback would be written into the line."""

    @wraps(complete)
    def offered(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            return complete(ctx, param, incomplete)
        except Exception:  # isolation: a broken plugin or folder must not garble the command line
            return []

    return offered


@_quiet
def family_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of families, each with what it is."""
    return [
        CompletionItem(provided.value.name, help=provided.value.description or None)
        for provided in Registry.default().families
        if provided.value.name.startswith(incomplete)
    ]


@_quiet
def preset_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The presets of the family that is named before, or of all."""
    named = ctx.params.get("family")
    return [
        CompletionItem(preset.name, help=preset.description or None)
        for provided in Registry.default().families
        if named in (None, provided.value.name)
        for preset in provided.value.presets
        if preset.name.startswith(incomplete)
    ]


@_quiet
def blob_urls(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """How the URLs of blob stores begin."""
    schemes = [provided.value.scheme for provided in Registry.default().blob_backends]
    urls = [_URLS.get(scheme, f"{scheme}://") for scheme in schemes]
    return [CompletionItem(url) for url in urls if url.startswith(incomplete)]


@_quiet
def session_urls(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """How the URLs of session stores begin that outlive a command."""
    schemes = [provided.value.scheme for provided in Registry.default().session_backends]
    urls = [_URLS.get(scheme, f"{scheme}://") for scheme in schemes if scheme != "memory"]
    return [CompletionItem(url) for url in urls if url.startswith(incomplete)]


@_quiet
def state_files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """JSON files, and the folders that may have some.

    Where there are only folders, the shell completes them its own way, without a space behind.
    """
    return _files(incomplete, _STATES)


@_quiet
def take_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The files of takes likewise."""
    return _files(incomplete, _TAKES)


@_quiet
def state_and_take_files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Both."""
    return _files(incomplete, (*_STATES, *_TAKES))


def _files(incomplete: str, suffixes: tuple[str, ...]) -> list[CompletionItem]:
    found = sorted(_below(incomplete, suffixes))
    files = [path for path in found if not path.endswith(os.sep)]
    if not files:
        return [CompletionItem(incomplete, type="dir")]
    return [CompletionItem(path) for path in found]


def _below(incomplete: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Paths that begin with what was typed; those of folders end with a slash."""
    folder, start = os.path.split(incomplete)
    with os.scandir(os.path.expanduser(folder) or os.curdir) as entries:
        for entry in entries:
            hidden = entry.name.startswith(".") and not start.startswith(".")
            if not entry.name.startswith(start) or hidden:
                continue
            if entry.is_dir():
                yield os.path.join(folder, entry.name, "")
            elif entry.name.lower().endswith(suffixes):
                yield os.path.join(folder, entry.name)
