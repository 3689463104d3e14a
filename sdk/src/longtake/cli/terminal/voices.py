"""The two ways in which a command tells of a take: words for people, JSON lines for programs."""

from __future__ import annotations

import json
import logging
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any, Protocol, TextIO

import click

from longtake.cli.terminal.events import (
    Done,
    LoadProgress,
    SegmentCommitted,
    SegmentRolled,
    SessionRolled,
    Started,
    StepProgress,
    TakeEvent,
    Warned,
    record_of,
)
from longtake.cli.terminal.progress import Bar, as_bytes, as_time, terminal_columns

__all__ = ["JsonLines", "Voice", "Words", "speaking", "voice_in_use", "warn"]

_IN_USE = f"{__name__}.voice"


class Voice(Protocol):
    """Tells the events of one command, in their order. Threads may share it."""

    @property
    def is_followed(self) -> bool:
        """Whether somebody is told of every step, so that it is worth to say what is left."""
        ...

    def tell(self, event: TakeEvent) -> None: ...

    def busy(self, what: str) -> None:
        """Show what takes a while, until the next event."""
        ...

    def close(self) -> None:
        """Nothing more will be told. A second time does nothing."""
        ...


class JsonLines:
    """One record in each line of ``stream``."""

    is_followed = True

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._turn = threading.Lock()

    def tell(self, event: TakeEvent) -> None:
        line = f"{json.dumps(record_of(event))}\n"
        with self._turn:
            self._stream.write(line)
            self._stream.flush()

    def busy(self, what: str) -> None:
        """What takes a while is no event."""

    def close(self) -> None:
        """Every line is out already."""


class Words:
    """Lines on standard error, and on a terminal a bar between them."""

    def __init__(self, *, dumb: bool = False) -> None:
        self._turn = threading.RLock()
        self._bar: Bar | None = None
        self._hidden = dumb
        self._said: Mapping[type, Callable[[Any], None]] = {
            Started: self._started,
            LoadProgress: self._loading,
            StepProgress: self._step,
            SegmentRolled: self._segment,
            SegmentCommitted: self._committed,
            SessionRolled: self._rolled,
            Warned: self._warned,
            Done: self._done,
        }

    @property
    def is_followed(self) -> bool:
        with self._turn:
            return self._shown().is_shown

    def tell(self, event: TakeEvent) -> None:
        with self._turn:
            if not isinstance(event, LoadProgress | StepProgress):
                self.close()
            if (say := self._said.get(type(event))) is not None:
                say(event)

    def busy(self, what: str) -> None:
        with self._turn:
            self._shown().say(what)

    def close(self) -> None:
        with self._turn:
            if self._bar is not None:
                self._bar.close()
                self._bar = None

    def _shown(self) -> Bar:
        if self._bar is None:
            self._bar = Bar(hidden=self._hidden)
        return self._bar

    def _started(self, event: Started) -> None:
        size = f"{event.height}x{event.width}, {event.num_frames} frames at {event.fps} a second"
        which = f"segments {event.first_segment} to {event.segments}"
        if event.first_segment == event.segments:
            which = f"segment {event.segments}"
        model = "" if event.model is None else f", model {event.model}"
        _line(f"{event.family}, preset {event.preset}{model}")
        _line(f"seed {event.seed}, {size}; {which} into {event.output}")

    def _loading(self, event: LoadProgress) -> None:
        label = f"loading {event.component}"
        if event.bytes_total is None:
            self._shown().say(label)
            return
        told = as_bytes(event.bytes_read, event.bytes_total)
        self._shown().show(label, event.bytes_read, event.bytes_total, told)

    def _step(self, event: StepProgress) -> None:
        label = f"segment {event.segment}/{event.segments} {event.stage}"
        segment = as_time(event.segment_seconds_left)
        take = as_time(event.take_seconds_left)
        steps = f"{event.step}/{event.total}"
        self._shown().show(
            label,
            event.step,
            event.total,
            f"{steps} [left: segment {segment}, take {take}]",
            f"{steps} [{segment}, {take}]",
        )

    def _segment(self, event: SegmentRolled) -> None:
        parts = [f"{event.frames} frames"] if event.frames else []
        parts.append(f"{event.seconds:.2f} s")
        parts += _longest_stage(event.timings)
        _line(f"segment {event.segment}/{event.segments}: {', '.join(parts)}")

    def _committed(self, event: SegmentCommitted) -> None:
        parts = [f"{event.seconds:.2f} s", *_longest_stage(event.timings)]
        if not event.own:
            parts.append(f"rolled by {event.made_by or 'somebody else'}")
        of = "" if event.segments is None else f"/{event.segments}"
        _line(f"segment {event.segment}{of}: {', '.join(parts)}")

    def _rolled(self, event: SessionRolled) -> None:
        count = "1 segment" if event.segments == 1 else f"{event.segments} segments"
        others = "" if event.rolled == event.segments else f", {event.rolled} of them rolled here"
        _line(f"session {event.session}: {count}{others}")

    def _warned(self, event: Warned) -> None:
        _line(f"note: {event.message}")

    def _done(self, event: Done) -> None:
        frames = f"{event.frames} frames, " if event.frames else ""
        what = "" if event.frames else " of sound"
        _line(f"{event.output}: {frames}{event.seconds:.2f} s{what}")
        if event.next_command is not None:  # never broken, so that it can be pasted
            click.echo(f"go on with: {event.next_command}", err=True)


def _longest_stage(timings: Mapping[str, float]) -> list[str]:
    """What took most of the time, and how long; nothing where that is not known."""
    if not timings:
        return []
    stage = max(timings, key=lambda name: timings[name])
    return [f"{stage} {timings[stage]:.1f} s"]


def _line(text: str) -> None:
    """``text`` on standard error, broken at spaces where it is wider than the terminal."""
    columns = terminal_columns()
    if columns is not None and len(text) >= columns:
        text = "\n".join(
            textwrap.wrap(text, columns - 1, subsequent_indent="  ", break_on_hyphens=False)
        )
    click.echo(text, err=True)


@contextmanager
def speaking(ctx: click.Context, voice: Voice) -> Iterator[None]:
    """Have ``voice`` tell what commands of ``ctx`` do; JSON lines have standard output alone."""
    ctx.meta[_IN_USE] = voice
    try:
        if isinstance(voice, JsonLines):
            with redirect_stdout(sys.stderr), _warnings_told(voice):
                yield
        else:
            yield
    finally:
        voice.close()


@contextmanager
def _warnings_told(voice: Voice) -> Iterator[None]:
    """What is logged as a warning, or worse, is told by ``voice`` too."""

    class Tell(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != "py.warnings":
                voice.tell(Warned(record.getMessage()))

    handler = Tell(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def warn(message: str) -> None:
    """Tell the user something that stops nothing."""
    (voice_in_use() or Words()).tell(Warned(message))


def voice_in_use() -> Voice | None:
    """The voice of the command that is running, if it has one."""
    ctx = click.get_current_context(silent=True)
    found: Voice | None = None if ctx is None else ctx.meta.get(_IN_USE)
    return found
