"""``longtake doctor``: what is wrong with the installed plugins, and with the user's stores."""

from __future__ import annotations

import platform
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import click
from attrs import asdict

from longtake import __version__
from longtake.cli.terminal.tables import print_json, print_table
from longtake.doctor.diagnosis import DEFAULT_TIMEOUT, diagnose
from longtake.doctor.values import (
    Diagnosis,
    Examination,
    MissingExtra,
    MissingRequirement,
    StoreTrial,
)
from longtake.plugins.api_version import API_VERSION
from longtake.settings import Settings

__all__ = ["doctor"]

_INDENT = 14
_MOST_COLUMNS = 100


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on standard output."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=3600),
    default=DEFAULT_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="The longest that one import, calling the hooks, or a store may take.",
)
@click.option(
    "--blobs",
    "urls",
    multiple=True,
    metavar="URL",
    help="Also put, get and drop a small blob in this store; may be given several times.",
)
@click.option(
    "--sessions",
    "session_urls",
    multiple=True,
    metavar="URL",
    help="Also create, read and delete a session in this store; may be given several times.",
)
def doctor(
    as_json: bool, timeout: float, urls: tuple[str, ...], session_urls: tuple[str, ...]
) -> int:
    """Examine every plugin in a process of its own."""
    diagnosis = diagnose(
        Settings.from_environment(), urls=urls, session_urls=session_urls, timeout=timeout
    )
    if as_json:
        print_json(_document(diagnosis))
    else:
        _print(diagnosis)
    return 0 if diagnosis.is_well else 1


def _document(diagnosis: Diagnosis) -> dict[str, Any]:
    return {**_host(), "ok": diagnosis.is_well, **asdict(diagnosis)}


def _host() -> dict[str, str]:
    return {
        "longtake": __version__,
        "api": ".".join(map(str, API_VERSION)),
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
    }


def _print(diagnosis: Diagnosis) -> None:
    host = _host()
    click.echo(f"longtake {host['longtake']}, SDK API {host['api']}, Python {host['python']}")
    click.echo(f"{host['platform']}\n")
    print_table(
        ("plugin", "version", "api", "import", "status"),
        [_row(plugin) for plugin in diagnosis.plugins],
    )
    for plugin in diagnosis.plugins:
        _print_section(f"{plugin.distribution}:{plugin.name}", _details(plugin))
    for trial in diagnosis.blobs:
        _print_section(trial.url, [("--blobs", _trial_text(trial))])
    for trial in diagnosis.sessions:
        _print_section(trial.url, [("--sessions", _trial_text(trial))])
    troubled = sum(not plugin.is_well for plugin in diagnosis.plugins)
    click.echo(f"\n{len(diagnosis.plugins)} plugins, {troubled or 'none'} with errors")


def _row(plugin: Examination) -> tuple[str, ...]:
    time = "-" if plugin.import_ms is None else f"{plugin.import_ms:.0f} ms"
    name = f"{plugin.distribution}:{plugin.name}"
    return name, plugin.version, plugin.api or "-", time, _status(plugin)


def _status(plugin: Examination) -> str:
    if plugin.status == "failed":
        return f"failed in {plugin.phase}"
    if plugin.clashes:
        return "name clash"
    return "lacks a package" if plugin.missing_requirements else plugin.status


def _details(plugin: Examination) -> Iterator[tuple[str, str]]:
    """What there is to say, by label."""
    if plugin.problems:
        yield from (("failed", each.text) for each in plugin.problems)
    elif plugin.reason:
        yield plugin.status, plugin.reason
    for needed in plugin.missing_requirements:
        yield "requires", _requirement_text(needed)
    for clash in plugin.clashes:
        yield "name clash", clash
    if plugin.provides:
        yield "provides", ", ".join(plugin.provides)
    if plugin.heavy:
        yield "heavy", f"{', '.join(plugin.heavy)}: import it only when it is used"
    for store in plugin.stores:
        kind = "blob store" if store.keeps == "blobs" else "sessions"
        yield kind, f"{store.url}: {_trial_text(store)}"
    for each in plugin.missing_extras:
        yield "extra", _missing_text(plugin.distribution, each)
    yield from (("extra", text) for text in plugin.awaiting_extras)
    if plugin.printed.strip():
        yield "prints", plugin.printed


def _requirement_text(needed: MissingRequirement) -> str:
    there = f"{needed.installed} is" if needed.installed else "it is not"
    return f"{needed.requirement}; {there} installed"


def _missing_text(distribution: str, missing: MissingExtra) -> str:
    return f"{distribution}[{missing.name}] lacks {', '.join(missing.requirements)}"


def _trial_text(trial: StoreTrial) -> str:
    if trial.outcome in ("crashed", "no answer"):
        return str(trial.reason)
    return f"{trial.outcome} ({trial.reason})" if trial.reason else trial.outcome


def _print_section(title: str, details: Iterable[tuple[str, str]]) -> None:
    lines = [line for label, text in details for line in _wrapped(label, text)]
    if lines:
        click.echo("\n".join(["", title, *lines]))


def _wrapped(label: str, text: str) -> list[str]:
    """``label`` and then ``text``, as wide as the terminal; control characters are not shown."""
    width = min(shutil.get_terminal_size().columns, _MOST_COLUMNS)
    shown = "".join(each if each.isprintable() else " " for each in text)
    return textwrap.wrap(
        textwrap.shorten(shown, 1_000, placeholder=" ..."),
        max(width, 40),
        initial_indent=f"  {label:<{_INDENT - 2}}",
        subsequent_indent=" " * _INDENT,
        break_on_hyphens=False,
    )
