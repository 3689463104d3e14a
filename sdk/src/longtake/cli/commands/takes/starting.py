"""Where a command begins to roll: at the beginning of a take, behind a state, or in a file."""

from __future__ import annotations

import os
from pathlib import Path

import click
from attrs import field, frozen

from longtake.cli.commands.takes.files import TakeFiles
from longtake.errors import OutputError, ValidationError
from longtake.requests.request import Output
from longtake.states.file import read_state
from longtake.states.state import ContinuationState
from longtake.takes.notes import read_take_notes
from longtake.takes.record import SegmentRecord, TakeRecord

__all__ = ["Start", "start_of"]

Prompts = tuple[str, ...]
Segments = tuple[SegmentRecord, ...]


@frozen
class Start:
    """What a command has to roll, and behind what.

    - ``prompts``: those to be rolled, one per segment.
    - ``state``: that the first of them goes on from; None at the beginning of a take.
    - ``held``: the prompts of the segments that the output keeps.
    - ``appends``: whether the output is there already and is gone on with.
    - ``again``: whether a command that was interrupted goes on, so that what conditions its first
      segment has had its effect.
    - ``surplus``: segments of the output that are rolled again.
    - ``ended``: whether the output is a finished take and nothing is left to be rolled.
    """

    prompts: Prompts
    state: ContinuationState | None = field(default=None, repr=False)
    held: Prompts = ()
    appends: bool = False
    again: bool = False
    surplus: Segments = ()
    ended: bool = False

    @property
    def planned(self) -> Prompts:
        """The prompts of all segments that the output will have."""
        return self.held + self.prompts


def start_of(files: TakeFiles, prompts: Prompts, made: Output, *, killed: bool) -> Start:
    """Where a command with these ``files`` and ``prompts``, one per segment, begins.

    ``made``: what its segments have, which the output that is gone on with must have, too.
    ``killed``: whether the last command that wrote them was.

    Raises `ValidationError` for a state or file that cannot be read, or that do not belong
    together, `OutputError` for files that are missing, and `click.UsageError`.
    """
    given = None if files.state is None else read_state(files.state)
    if not files.resume:
        if not prompts:
            raise click.UsageError("Missing argument 'PROMPT...'.")
        return Start(prompts, given)
    if not os.path.lexists(files.output):
        return _from_nothing(files, prompts)
    notes = read_take_notes(files.output)
    _check_made(files.output, notes.record, made)
    closed = notes.finished and not killed
    own = read_state(files.kept_state) if os.path.lexists(files.kept_state) else None
    return _Resuming(files, notes.record, closed, prompts, given, own).start()


def _check_made(output: Path, record: TakeRecord, made: Output) -> None:
    """Refuse what would leave a take's file without pictures or sound from here on."""
    if not record.segments:
        return
    problem = None
    if record.height and not made.video:
        problem = "has pictures; leave out --no-video"
    elif not record.height and made.video:
        problem = "has no pictures; say --no-video"
    elif record.channels and not made.audio:
        problem = "has sound; leave out --no-audio"
    if problem is not None:
        raise ValidationError(str(output), f"{problem}, or name another file (-o)")


def _from_nothing(files: TakeFiles, prompts: Prompts) -> Start:
    """A take that was interrupted before its first segment was stored."""
    if files.state is None and os.path.lexists(files.kept_state):
        problem = "is not there, but its state is; write what comes next to a file of its own"
        raise OutputError(str(files.output), f"{problem} (--state {files.kept_state}, no --resume)")
    if files.state is not None or not prompts:
        problem = "is not there, so there is nothing to go on with; leave out --resume"
        raise OutputError(str(files.output), problem)
    return Start(prompts)


@frozen
class _Resuming:
    """A file that is gone on with. ``given``: the state of ``--state``; ``own``: the kept one.

    ``closed``: whether the command that wrote the file came to its end.
    """

    files: TakeFiles
    record: TakeRecord
    closed: bool
    prompts: Prompts
    given: ContinuationState | None
    own: ContinuationState | None

    def start(self) -> Start:
        own_at, given_at = self._position(self.own), self._position(self.given)
        begins = self.given is None or given_at == 0
        further = (own_at or 0) > (given_at or 0) and self._is_planned()
        if begins or further:
            return self._again(own_at, whole=begins)
        if given_at is None:
            raise _strangers(self.files, self.files.state)
        return self._further(given_at)

    def _again(self, own_at: int | None, *, whole: bool) -> Start:
        """The same command again; ``whole``: its prompts are those of all that the file holds."""
        if self.own is None:
            own_at = len(self.record.segments) if self.record.ended else 0
        elif own_at is None:
            raise _strangers(self.files, self.files.kept_state)
        assert own_at is not None
        held = self._held(own_at)
        left = self.record.planned[own_at:]
        if self.prompts and whole:
            left = self._whole(held)
        # While its own state is there, it was stopped before all was done.
        whole_end = self.own is None or (self.closed and self.files.save_state is not None)
        done = not left and self.record.ended and whole_end
        if self.own is None and not done and len(self.record.segments) > 1:
            problem = f"cannot be gone on with: its state, {self.files.kept_state}, is gone"
            raise OutputError(str(self.files.output), problem)
        surplus = self._surplus(own_at, left, own=True)
        state = self.own if own_at else self.given
        return Start(left, state, held, True, own_at > 0, surplus, done)

    def _further(self, at: int) -> Start:
        """A state is given: the prompts come next, unless they were interrupted."""
        held, left = self._held(at), self.record.planned[at:]
        # A command that was killed right before its end has rolled its prompts, and not others.
        again = self._is_planned() and bool(left or (self.prompts and not self.closed))
        prompts = left if again else self.prompts
        if not (prompts or again):
            raise click.UsageError("Missing argument 'PROMPT...': nothing of the take is left.")
        own = self.own is not None and self.own == self.given
        surplus = self._surplus(at, prompts, own=own)
        return Start(prompts, self.given, held, True, again, surplus)

    def _is_planned(self) -> bool:
        """Whether the file's last command had these prompts."""
        planned = self.record.planned
        return not self.prompts or planned[-len(self.prompts) :] == self.prompts

    def _whole(self, held: Prompts) -> Prompts:
        for number, (said, has) in enumerate(zip(self.prompts, held, strict=False), 1):
            if said != has:
                problem = f"its segment {number} was made of {has!r}, not of {said!r}"
                raise ValidationError(str(self.files.output), f"{problem}; {_WHOLE}")
        if len(self.prompts) < len(held):
            problem = f"has {len(held)} segments already, and {len(self.prompts)} are asked for"
            raise ValidationError(str(self.files.output), f"{problem}; {_WHOLE}")
        return self.prompts[len(held) :]

    def _held(self, at: int) -> Prompts:
        return tuple(segment.prompt for segment in self.record.segments[:at])

    def _position(self, state: ContinuationState | None) -> int | None:
        """Behind how many segments of the file ``state`` is; None when behind none of them."""
        digest = None if state is None else state.digest()
        if state is None or digest == self.record.begins_after:
            return None if state is None else 0
        found = [n for n, each in enumerate(self.record.segments, 1) if each.state == digest]
        return found[0] if found else None

    def _surplus(self, at: int, prompts: Prompts, *, own: bool) -> Segments:
        """The segments that come after; one is what a kill before its state was saved leaves.

        That one is rolled again, of the same prompt: only then is nothing of it lost.
        """
        after = self.record.segments[at:]
        if not after or self.files.overwrite:
            return after
        ways = "name another file (-o), or replace {0} (--overwrite)"
        if len(after) > (1 if own else 0):
            problem = f"has {len(after)} segments after the one that the state follows"
            raise OutputError(str(self.files.output), f"{problem}; {ways.format('them')}")
        if prompts[:1] != (after[0].prompt,):
            said = f", not of {prompts[0]!r}" if prompts else ""
            problem = f"has a segment after the state, made of {after[0].prompt!r}{said}"
            raise OutputError(str(self.files.output), f"{problem}; {ways.format('it')}")
        return after


_WHOLE = "with --resume, give the prompts of the whole take, or none for those that are left"


def _strangers(files: TakeFiles, state: Path | None) -> ValidationError:
    problem = f"holds no segment that {state} follows; name the file that was written with it"
    return ValidationError(str(files.output), problem)
