"""Rolling a session towards as many segments as were asked for, whoever else rolls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import click
from attrs import define, evolve, field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.cli.options.inputs import NamedInputs
from longtake.cli.terminal.events import SegmentCommitted, SessionRolled
from longtake.cli.terminal.narration import Narration
from longtake.errors import Conflict, SessionExists
from longtake.pipeline import Pipeline
from longtake.requests.inputs import Inputs
from longtake.requests.request import GenerationRequest
from longtake.runs.events import Event
from longtake.runs.run import nobody
from longtake.schema.texts import check_texts
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord, SessionSegment
from longtake.sessions.making import RolledSegment
from longtake.sessions.making_thread import MakingThread
from longtake.sessions.media import BlobMedia
from longtake.sessions.overlapping import roll_each
from longtake.states.live import LiveState

__all__ = ["Goal", "SessionRolling"]

_CLAIM_SECONDS = 15.0
"""So long another shell waits for one that was killed; the claim of one that runs is renewed."""


@frozen
class Goal:
    """What to roll: ``segments`` more, or ``until`` the session has so many."""

    prompts: tuple[str, ...]
    segments: int | None
    until: int | None

    @classmethod
    def of(cls, prompts: tuple[str, ...], segments: int | None, until: int | None) -> Goal:
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
class SessionRolling:
    """Rolls a session towards a goal; each segment is made while the one before it is kept.

    ``_first``: what is asked of the segment that the command's inputs condition; ``_request``: of
    all others. ``_told``: of how many of the session's segments was told. ``_follow``: is told the
    events of the one that is made.
    """

    _store: SessionStore
    _blobs: BlobStore
    _session_id: str
    _pipeline: Pipeline
    _goal: Goal
    _request: GenerationRequest
    _first: GenerationRequest
    _named: NamedInputs
    _narration: Narration
    _worker: str
    _wait: float
    _accept_versions: bool
    _own: int = field(default=0, init=False)
    _told: int = field(default=0, init=False)
    _follow: Callable[[Event], None] = field(default=nobody, init=False)

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
            first = self._pipeline.check(self._next(held, 0), after=live, blobs=self._blobs)
        self._narration.started(
            self._pipeline,
            first,
            segments=self._goal.left(held, 0),
            output=f"session {self._session_id}",
        )
        with closing(MakingThread()) as loading:  # ends, or its helpers would slow the maker
            loading.do(self._pipeline.prepare)
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
                record = self._roll_in_a_row(record, live, cancel)
            except Conflict:  # another process was first
                record = self._store.read(self._session_id)
                self._tell_of_others(record)
            live = None
        return record

    def _roll_in_a_row(
        self, record: SessionRecord, live: LiveState | None, cancel: Callable[[], bool]
    ) -> SessionRecord:
        """Roll until all is done or another process was first; the session after that."""
        rolling = roll_each(
            self._store,
            self._session_id,
            self._requests(record.num_segments),
            pipeline=self._pipeline,
            blobs=self._blobs,
            media=BlobMedia(),
            expected_revision=record.revision,
            accept_versions=self._accept_versions,
            live=live,
            cancel=cancel,
            follow=lambda event: self._follow(event),
            worker=self._worker,
            claim_seconds=_CLAIM_SECONDS,
            wait_seconds=self._wait,
        )
        try:
            with closing(rolling):
                for rolled in rolling:
                    record = rolled.session
                    self._tell(rolled)
                    if not rolled.is_new:
                        break  # what is left is counted anew
        finally:
            self._narration.voice.close()
        return record

    def _requests(self, held: int) -> Iterator[GenerationRequest]:
        """Those behind ``held`` segments, each asked for as it begins to be made.

        That may be before the one before it is committed, so they are counted as if it were.
        """
        own = self._own
        while self._goal.left(held, own):
            self._follow = self._narration.begun(own + 1)
            yield self._next(held, own)
            held, own = held + 1, own + 1

    def _say_what_is_kept(self) -> None:
        if self._own:
            kept = "1 segment is" if self._own == 1 else f"{self._own} segments are"
            click.echo(f"session {self._session_id}: {kept} committed", err=True)

    def _next(self, held: int, own: int) -> GenerationRequest:
        """The request of the next segment of a session that holds so many, ``own`` of them ours."""
        asked, inputs = self._request, Inputs()
        if self._goal.is_conditioned(held, own):
            asked, inputs = self._first, self._named.inputs
        return evolve(asked, prompt=self._goal.prompt(held, own), inputs=inputs)

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
