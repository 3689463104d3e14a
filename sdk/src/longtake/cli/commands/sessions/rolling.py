"""``longtake sessions roll``: segments of a session, by as many processes as there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
from attrs import define, evolve, field, fields, frozen

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.sessions.makers import maker_of
from longtake.cli.options.documents import build_overrides, build_request, request_options
from longtake.cli.options.inputs import InputChoice, NamedInputs, input_options, read_inputs
from longtake.cli.options.models import (
    ModelChoice,
    model_options,
    open_pipeline,
    preset_options,
)
from longtake.cli.options.sessions import (
    blobs_option,
    labels_option,
    open_blobs,
    open_sessions,
    sessions_option,
)
from longtake.cli.options.takes import TakeCommand, narration_of_command
from longtake.cli.terminal.events import SegmentCommitted, SessionRolled
from longtake.cli.terminal.interruption import cancelled_by_signals
from longtake.cli.terminal.narration import Narration
from longtake.errors import Conflict, SessionExists, SessionNotFound
from longtake.pipeline import Pipeline
from longtake.plugins.registry import Registry
from longtake.requests.inputs import Inputs
from longtake.requests.request import GenerationRequest
from longtake.runs.early import check_early
from longtake.schema.texts import check_texts
from longtake.session_stores.checks import check_seconds, check_session_id
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord, SessionSegment
from longtake.sessions.claiming import LONGEST_WAIT
from longtake.sessions.making import RolledSegment, worker_name
from longtake.sessions.media import BlobMedia
from longtake.sessions.rolling import roll as roll_segment
from longtake.states.live import LiveState

__all__ = ["roll"]

_CLAIM_SECONDS = 15.0
"""So long another shell waits for one that was killed; the claim of one that runs is renewed."""


@click.command("roll", cls=TakeCommand)
@click.argument("session_id", metavar="ID")
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT...")
@sessions_option
@blobs_option
@labels_option("Of a session that is made, for finding it again. Repeatable.")
@click.option(
    "--worker", metavar="NAME", help="Who made the segments; by default host and process."
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0, min_open=True),
    default=LONGEST_WAIT,
    show_default=True,
    metavar="SECONDS",
    help="Make a segment that another worker claims all the same after so long.",
)
@model_options
@preset_options
@click.option(
    "--accept-versions",
    is_flag=True,
    help="Go on although the session's preset has another version here; its segments say so.",
)
@click.option(
    "--segments",
    type=click.IntRange(min=1),
    metavar="N",
    help="Roll so many more; by default one per PROMPT. The last prompt repeats.",
)
@click.option(
    "--until",
    type=click.IntRange(min=1),
    metavar="N",
    help="Roll until the session has N, whoever rolls them; the first PROMPT is of its first.",
)
@click.option("--seed", type=int, metavar="N", help="Of the whole take.")
@request_options
@click.option(
    "--num-frames", type=int, metavar="N", help="Of a segment, with those that it repeats."
)
@click.option("--negative-prompt", metavar="TEXT")
@click.option("--state-kind", metavar="KIND", help="The kind of states; by default the family's.")
@input_options
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Any field of the request, e.g. sampling.seed=3 or denoise.stg_scale=0. Repeatable.",
)
def roll(
    session_id: str,
    prompts: tuple[str, ...],
    sessions: str,
    blobs: str | None,
    labels: dict[str, str],
    worker: str | None,
    wait: float,
    preset: str | None,
    preset_overrides: tuple[str, ...],
    accept_versions: bool,
    segments: int | None,
    until: int | None,
    assignments: tuple[str, ...],
    **options: Any,
) -> None:
    """Roll segments of the session ID, one per PROMPT; it is made when it is not there.

    Each segment is committed exactly once, with its picture and sound, whatever is killed when. The
    same command may run in several shells at once: with --until N they share the work, and each
    tells of all segments. What is interrupted leaves the segments that are finished; the same
    command goes on.

    Images, clips and audio condition the first segment that this command rolls, or with --until
    the first one of the session.
    """
    check_session_id(session_id)
    check_seconds(wait, "--wait")
    choice = ModelChoice(**{field.name: options.pop(field.name) for field in fields(ModelChoice)})
    chosen = InputChoice(**{field.name: options.pop(field.name) for field in fields(InputChoice)})
    goal = _Goal.of(prompts, segments, until)
    request = build_request(prompts[0], options, assignments)
    for prompt in prompts:
        evolve(request, prompt=prompt)  # refuses one before the others are rolled
    overrides = build_overrides(preset_overrides)
    store, blob_store = open_sessions(sessions, makes=True), open_blobs(blobs, sessions)
    record = _found(store, session_id)
    registry = Registry.default()
    family, preset = maker_of(registry, choice, preset, record, accept_versions=accept_versions)
    check_early(family, request, preset=preset, continued=record is not None)
    named, telling = read_inputs(chosen), narration_of_command()
    with open_pipeline(registry, family, choice, preset, overrides, narration=telling) as pipeline:
        rolling = _Rolling(
            store,
            blob_store,
            session_id,
            pipeline,
            goal,
            request,
            named,
            telling,
            worker or worker_name(),
            wait,
            accept_versions,
        )
        with cancelled_by_signals() as cancel:
            rolling.run(record, labels, cancel.is_set)


@frozen
class _Goal:
    """What to roll: ``segments`` more, or ``until`` the session has so many."""

    prompts: tuple[str, ...]
    segments: int | None
    until: int | None

    @classmethod
    def of(cls, prompts: tuple[str, ...], segments: int | None, until: int | None) -> _Goal:
        """What the options say. Raises `click.UsageError`."""
        for number, prompt in enumerate(prompts, start=1):
            check_texts(prompt, f"prompt {number}")
        if segments is not None and until is not None:
            raise click.UsageError("--segments and --until exclude each other.")
        if segments is None and until is None:
            segments = len(prompts)
        count = until if segments is None else segments
        if count is not None and count < len(prompts):
            flag = "--segments" if until is None else "--until"
            raise click.UsageError(f"{flag} {count} is less than the {len(prompts)} prompts.")
        return cls(prompts, segments, until)

    def left(self, held: int, own: int) -> int:
        """How many are to be rolled when the session holds ``held``, ``own`` of this command."""
        if self.until is not None:
            return max(0, self.until - held)
        assert self.segments is not None
        return self.segments - own

    def prompt(self, held: int, own: int) -> str:
        """Of the next segment."""
        place = held if self.until is not None else own
        return self.prompts[min(place, len(self.prompts) - 1)]

    def is_conditioned(self, held: int, own: int) -> bool:
        """Whether the command's pictures and sounds are of the next segment."""
        return (held if self.until is not None else own) == 0


@define
class _Rolling:
    """Rolls towards a goal. ``_told``: of how many of the session's segments was told."""

    _store: SessionStore
    _blobs: BlobStore
    _session_id: str
    _pipeline: Pipeline
    _goal: _Goal
    _request: GenerationRequest
    _named: NamedInputs
    _narration: Narration
    _worker: str
    _wait: float
    _accept_versions: bool
    _own: int = field(default=0, init=False)
    _told: int = field(default=0, init=False)

    def run(
        self, record: SessionRecord | None, labels: Mapping[str, str], cancel: Callable[[], bool]
    ) -> None:
        """Roll all that is left; ``record``: the session as it is, None when it is to be made."""
        held = 0 if record is None else record.num_segments
        self._told = held
        if self._goal.left(held, 0):
            live = self._start(record)
            if record is None:
                record = self._made(labels)
            try:
                held = self._roll_all(record, live, cancel).num_segments
            except BaseException:
                self._say_what_is_kept()
                raise
        self._narration.voice.tell(
            SessionRolled(session=self._session_id, segments=held, rolled=self._own)
        )

    def _start(self, record: SessionRecord | None) -> LiveState | None:
        """Refuse what can be refused before the networks are loaded, and say what comes."""
        held = 0 if record is None else record.num_segments
        live = None
        if record is not None and record.state is not None:
            live = self._pipeline.restore(record.state, blobs=self._blobs)
        with self._named.naming():
            first = self._pipeline.check(self._next(held), after=live, blobs=self._blobs)
        self._narration.started(
            self._pipeline,
            first,
            segments=self._goal.left(held, 0),
            output=f"session {self._session_id}",
        )
        self._pipeline.prepare()
        return live

    def _made(self, labels: Mapping[str, str]) -> SessionRecord:
        pipeline = self._pipeline
        try:
            return self._store.create(
                self._session_id,
                family=pipeline.family.name,
                preset=f"{pipeline.preset.name}@{pipeline.preset.version}",
                labels=labels,
            )
        except SessionExists:  # another process was first
            return self._store.read(self._session_id)

    def _roll_all(
        self, record: SessionRecord, live: LiveState | None, cancel: Callable[[], bool]
    ) -> SessionRecord:
        while self._goal.left(record.num_segments, self._own):
            try:
                rolled = self._roll(record, live, cancel)
            except Conflict:  # another process was first
                record, live = self._store.read(self._session_id), None
                self._tell_of_others(record)
                continue
            record = rolled.session
            live = None if rolled.result is None else rolled.result.live_state
            self._tell(rolled)
        return record

    def _roll(
        self, record: SessionRecord, live: LiveState | None, cancel: Callable[[], bool]
    ) -> RolledSegment:
        with self._narration.segment(self._own + 1) as follow:
            return roll_segment(
                self._store,
                self._session_id,
                self._next(record.num_segments),
                pipeline=self._pipeline,
                blobs=self._blobs,
                media=BlobMedia(),
                expected_revision=record.revision,
                accept_versions=self._accept_versions,
                live=live,
                cancel=cancel,
                follow=follow,
                worker=self._worker,
                claim_seconds=_CLAIM_SECONDS,
                wait_seconds=self._wait,
            )

    def _say_what_is_kept(self) -> None:
        if self._own:
            kept = "1 segment is" if self._own == 1 else f"{self._own} segments are"
            click.echo(f"session {self._session_id}: {kept} committed", err=True)

    def _next(self, held: int) -> GenerationRequest:
        """The request of the next segment of a session that holds ``held``."""
        inputs = self._named.inputs if self._goal.is_conditioned(held, self._own) else Inputs()
        return evolve(self._request, prompt=self._goal.prompt(held, self._own), inputs=inputs)

    def _tell(self, rolled: RolledSegment) -> None:
        if rolled.result is None:  # another process was first, by the very same step
            self._tell_of_others(rolled.session)
            return
        self._own += 1
        timings = rolled.result.timings
        self._say(rolled.segment, rolled.session.revision, own=True, timings=timings)

    def _tell_of_others(self, record: SessionRecord) -> None:
        if record.num_segments > self._told:
            for segment in self._store.history(self._session_id, start=self._told):
                self._say(segment, record.revision, own=False, timings={})

    def _say(
        self, segment: SessionSegment, revision: int, *, own: bool, timings: Mapping[str, float]
    ) -> None:
        self._told = segment.index + 1
        self._narration.voice.tell(
            SegmentCommitted(
                session=self._session_id,
                segment=segment.index + 1,
                segments=self._goal.until,
                revision=revision,
                seconds=segment.seconds,
                made_by=segment.made_by,
                own=own,
                timings=timings,
                state_digest=segment.state_digest,
            )
        )


def _found(store: SessionStore, session_id: str) -> SessionRecord | None:
    try:
        return store.read(session_id)
    except SessionNotFound:
        return None
