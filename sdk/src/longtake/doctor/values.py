"""What is found out about a plugin, and what its process says on the way."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

__all__ = [
    "Diagnosis",
    "Examination",
    "LoadReport",
    "Message",
    "MissingExtra",
    "MissingRequirement",
    "Problem",
    "StoreKind",
    "StoreTrial",
    "TrialOutcome",
]

TrialOutcome = Literal["ok", "unavailable", "failed", "no answer", "crashed", "not tried"]

StoreKind = Literal["blobs", "sessions"]
"""What a store keeps."""


@frozen
class StoreTrial:
    """What became of a store that was opened.

    ``url`` is masked. ``reason``: of anything but ``"ok"``. ``"unavailable"``: the store said so,
    or a package that it needs is missing; ``"failed"``: it raised something else; ``"no answer"``:
    it was given up; ``"crashed"``: its process ended.
    """

    scheme: str
    url: str
    outcome: TrialOutcome
    reason: str | None = None
    keeps: StoreKind = "blobs"


@frozen
class LoadReport:
    """What loading one plugin came to, as its process tells it.

    - ``import_ms``: what importing it took.
    - ``heavy``: the heavy packages that were imported on the way.
    - ``examples``: the stores that can be tried, as if they had not been.
    """

    status: Literal["loaded", "failed"]
    phase: str | None
    reason: str | None
    api: str | None
    provides: tuple[str, ...]
    families: tuple[str, ...]
    kinds: tuple[str, ...]
    commands: tuple[str, ...]
    schemes: tuple[str, ...]
    session_schemes: tuple[str, ...]
    authenticator_schemes: tuple[str, ...]
    dispatcher_schemes: tuple[str, ...]
    examples: tuple[StoreTrial, ...]
    import_ms: float | None
    heavy: tuple[str, ...]


@frozen
class Problem:
    """Something of a loaded plugin that would fail when it is used.

    - ``phase``: ``"targets"``: what it names cannot be imported; ``"wiring"``: a recipe, or what
      belongs to one, does not fit together.
    - ``text``: what and why.
    - ``lacks``: the package that was not there to be imported, where that is why.
    """

    phase: str
    text: str
    lacks: str | None = None


@frozen
class Message:
    """One line of what a plugin's process says; one of these is set.

    ``at``, with ``entering``: what of the phase begins.
    """

    entering: str | None = None
    at: str | None = None
    problem: Problem | None = None
    report: LoadReport | None = None
    trying: str | None = None
    tried: StoreTrial | None = None
    done: bool = False


@frozen
class MissingExtra:
    """An extra of a distribution, and those of its requirements that are not installed."""

    name: str
    requirements: tuple[str, ...]


@frozen
class MissingRequirement:
    """A required package, with the versions that are needed, and the one that is there if any."""

    requirement: str
    installed: str | None = None


@frozen(kw_only=True)
class Examination:
    """What is known of one plugin.

    - ``phase``, ``reason``: where and why it failed; of a blocked one, the reason alone.
    - ``problems``: all that would fail when it is used, of one that could be loaded; the first of
      them is its ``reason``.
    - ``missing_requirements``: packages that it needs whatever it is used for.
    - ``awaiting_extras``: what of it cannot be imported before an extra is installed.
    - ``clashes``: which of its names another plugin provides, too.
    - ``printed``: the beginning of what it wrote to standard output and error.
    """

    name: str
    distribution: str
    version: str
    status: Literal["loaded", "failed", "blocked"]
    phase: str | None = None
    reason: str | None = None
    api: str | None = None
    provides: tuple[str, ...] = ()
    import_ms: float | None = None
    heavy: tuple[str, ...] = ()
    clashes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    missing_requirements: tuple[MissingRequirement, ...] = ()
    missing_extras: tuple[MissingExtra, ...] = ()
    awaiting_extras: tuple[str, ...] = ()
    stores: tuple[StoreTrial, ...] = ()
    printed: str = ""

    @property
    def is_well(self) -> bool:
        """Missing extras and servers are no fault of the plugin."""
        return self.status != "failed" and not self.clashes and not self.missing_requirements


@frozen
class Diagnosis:
    """Every installed plugin, and every store of the user's that was to be tried."""

    plugins: tuple[Examination, ...]
    blobs: tuple[StoreTrial, ...] = ()
    sessions: tuple[StoreTrial, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether no plugin failed, no names clash, and the user's own stores work."""
        stores = all(trial.outcome == "ok" for trial in (*self.blobs, *self.sessions))
        return stores and all(plugin.is_well for plugin in self.plugins)
