"""Examining every installed plugin, several at once, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence

from attrs import evolve, field, frozen

from longtake.blobs.urls import masked_url
from longtake.doctor.extras import extras_with, missing_extras, missing_requirements
from longtake.doctor.process import Transcript, converse
from longtake.doctor.stores import without_secrets
from longtake.doctor.values import (
    Diagnosis,
    Examination,
    LoadReport,
    Message,
    Problem,
    StoreKind,
    StoreTrial,
    TrialOutcome,
)
from longtake.errors import NameClashError, UnknownNameError
from longtake.plugins.installed import Installed, installed_plugins
from longtake.plugins.loading import Plugin, blocked
from longtake.plugins.registry import Names
from longtake.settings import Settings

__all__ = ["DEFAULT_TIMEOUT", "diagnose"]

DEFAULT_TIMEOUT = 20.0
_EXAMPLES = {"blobs": "file:///folder", "sessions": "sqlite:///folder/takes.db"}


@frozen
class _Patient:
    """A plugin and what is known of it; ``plugin`` is who it is, for messages about names."""

    found: Installed
    examination: Examination
    report: LoadReport | None = None
    plugin: Plugin = field(init=False)

    @plugin.default
    def _provider(self) -> Plugin:
        return Plugin(self.found.name, self.found.distribution, self.found.version, "loaded")


def diagnose(
    settings: Settings,
    *,
    urls: Sequence[str] = (),
    session_urls: Sequence[str] = (),
    timeout: float = DEFAULT_TIMEOUT,
) -> Diagnosis:
    """Load every plugin, and try the blob stores at ``urls`` and the examples of the plugins.

    So are the session stores at ``session_urls``.

    No plugin that ``settings`` keep out is run. ``timeout``: the seconds that one step of one
    plugin may take: importing it, calling its hooks, importing something that it names, trying one
    store.
    """
    return asyncio.run(_diagnose(settings, urls, session_urls, timeout))


async def _diagnose(
    settings: Settings, urls: Sequence[str], session_urls: Sequence[str], timeout: float
) -> Diagnosis:
    slots = asyncio.Semaphore(os.cpu_count() or 1)

    async def examine(found: Installed) -> _Patient:
        async with slots:
            return await _examine(found, settings, timeout)

    patients = await asyncio.gather(*(examine(each) for each in installed_plugins()))
    names = _names_of(patients)
    schemes, session_schemes = names[-2:]
    examined = (
        evolve(
            each.examination,
            clashes=tuple(text for each_kind in names for text in each_kind.disputes(each.plugin)),
        )
        for each in patients
    )
    blobs = [await _try_url(url, "blobs", schemes, timeout) for url in urls]
    sessions = [await _try_url(url, "sessions", session_schemes, timeout) for url in session_urls]
    return Diagnosis(tuple(examined), tuple(blobs), tuple(sessions))


def _names_of(patients: Iterable[_Patient]) -> tuple[Names[Installed], ...]:
    """Who provides which names of each kind; the last two are schemes of blobs and of sessions."""
    families: Names[Installed] = Names("family")
    kinds: Names[Installed] = Names("continuation kind")
    commands: Names[Installed] = Names("command")
    dispatcher_schemes: Names[Installed] = Names("dispatcher scheme")
    authenticators: Names[Installed] = Names("authenticator scheme")
    schemes: Names[Installed] = Names("blob store scheme")
    session_schemes: Names[Installed] = Names("session store scheme")
    for each in patients:
        if each.report is None:
            continue
        report = each.report
        for names, own in (
            (families, report.families),
            (kinds, report.kinds),
            (commands, report.commands),
            (dispatcher_schemes, report.dispatcher_schemes),
            (authenticators, report.authenticator_schemes),
            (schemes, report.schemes),
            (session_schemes, report.session_schemes),
        ):
            for name in own:
                names.add(name, each.found, each.plugin)
    return families, kinds, commands, dispatcher_schemes, authenticators, schemes, session_schemes


async def _examine(found: Installed, settings: Settings, timeout: float) -> _Patient:
    start = Examination(
        name=found.name,
        distribution=found.distribution,
        version=found.version,
        status="failed",
        missing_requirements=missing_requirements(found.distribution),
        missing_extras=missing_extras(found.distribution),
    )
    if why := blocked(found, settings):
        return _Patient(found, evolve(start, status="blocked", reason=why))
    if found.problem is not None:
        return _Patient(found, evolve(start, phase="metadata", reason=found.problem))
    return _judged(found, start, await converse(found, url=None, timeout=timeout))


def _judged(found: Installed, start: Examination, said: Transcript) -> _Patient:
    """What the messages amount to, and which step was the last when they end early."""
    report = next((m.report for m in said.messages if m.report), None)
    phase = next((m.entering for m in reversed(said.messages) if m.entering), "start")
    seen = evolve(start, phase=phase, reason=said.ending, printed=said.printed)
    if report is None:
        return _Patient(found, seen)
    problems, awaiting = _problems(start, said)
    seen = evolve(
        seen,
        status=report.status,
        phase=report.phase,
        reason=report.reason,
        problems=problems,
        awaiting_extras=awaiting,
        api=report.api,
        provides=report.provides,
        import_ms=report.import_ms,
        heavy=report.heavy,
        stores=_trials(report, said),
    )
    if problems:
        seen = evolve(seen, status="failed", phase=problems[0].phase, reason=problems[0].text)
        return _Patient(found, seen, report)
    broken = [trial for trial in seen.stores if trial.outcome in ("failed", "crashed")]
    if broken:  # a server that is not there is no fault of the plugin, nor is a slow one
        why = f"{broken[0].url}: {broken[0].reason}"
        phase = "blob store" if broken[0].keeps == "blobs" else "session store"
        seen = evolve(seen, status="failed", phase=phase, reason=why)
    return _Patient(found, seen, report)


def _problems(start: Examination, said: Transcript) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """What would fail when it is used, and what does only until an extra is installed."""
    named = [m.problem for m in said.messages if m.problem]
    if stopped := _stopped_at(said):
        named.append(Problem(str(stopped.entering), f"{stopped.at}: {said.ending}"))
    problems, awaiting = [], []
    for each in named:
        extras = [] if each.lacks is None else extras_with(each.lacks, start.missing_extras)
        if extras:
            names = " or ".join(f"{start.distribution}[{name}]" for name in extras)
            awaiting.append(f"{each.text}; it comes with {names}")
        else:
            problems.append(each)
    return tuple(problems), tuple(awaiting)


def _stopped_at(said: Transcript) -> Message | None:
    """What of a loaded plugin was being imported or wired when its process ended early."""
    steps = [message for message in said.messages if message.at or message.trying]
    return steps[-1] if said.ending and steps and steps[-1].at else None


def _trials(report: LoadReport, said: Transcript) -> tuple[StoreTrial, ...]:
    """One of each example: the last one begun is to blame when the process ended early."""
    tried = [message.tried for message in said.messages if message.tried]
    left = list(report.examples[len(tried) :])
    if said.ending and left and _stopped_at(said) is None:
        left[0] = evolve(left[0], outcome=_outcome(said), reason=said.ending)
    return (*tried, *left)


def _outcome(said: Transcript) -> TrialOutcome:
    return "no answer" if said.is_overdue else "crashed"


async def _try_url(
    url: str, keeps: StoreKind, schemes: Names[Installed], timeout: float
) -> StoreTrial:
    """Keep something small in the user's own store, in the process of the plugin it is of."""
    scheme, separator, _ = url.partition(":")
    failed = StoreTrial(scheme if separator else "", masked_url(url), "failed", None, keeps)
    if not separator or not scheme:
        return evolve(failed, reason=f"it is not a URL such as {_EXAMPLES[keeps]!r}")
    try:
        found = schemes.one(scheme.lower()).value
    except (UnknownNameError, NameClashError) as error:
        return evolve(failed, reason=str(error))
    said = await converse(found, url=url, timeout=timeout, keeps=keeps)
    for message in said.messages:
        if message.tried is not None:
            return message.tried
    why = said.ending or "its plugin loads no more"
    return evolve(failed, outcome=_outcome(said), reason=without_secrets(why, url))
