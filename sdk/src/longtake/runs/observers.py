"""Observers are told the events of every run, and cannot hurt one."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from attrs import frozen

from longtake.errors import Cancelled, StageError, text_of
from longtake.runs.events import (
    Progress,
    Purpose,
    RunEnded,
    RunEvent,
    RunStarted,
    SegmentDone,
    StageEnded,
    StageStarted,
)
from longtake.runs.progress import RunProgress
from longtake.runs.stopwatch import Stopwatch

__all__ = ["UNOBSERVED", "ObservedRun", "ObservedStage", "Observers", "close_observers"]

logger = logging.getLogger("longtake.observers")  # documented, so it stays as it is

_MAX_ERROR_CHARACTERS = 500

_MAX_COMPARISONS = 10**7
"""Characters of a prompt by those of a text, in which looking for it takes a second at most."""

_Outcome: TypeAlias = Literal["done", "failed", "cancelled"]


class Observers:
    """Tells each observer every event; one that raises is reported once and left out after.

    ``owned``: those that were made for this pipeline alone, which `close` closes.
    """

    def __init__(
        self,
        observers: Sequence[Callable[[RunEvent], None]] = (),
        owned: Sequence[Callable[[RunEvent], None]] = (),
    ) -> None:
        self._observers = [*observers, *owned]
        self._owned = tuple(owned)

    def __bool__(self) -> bool:
        return bool(self._observers)

    def close(self) -> None:
        """Close those that were made for the pipeline, once; nobody is told anything after."""
        owned, self._owned, self._observers = self._owned, (), []
        close_observers(owned)

    def notify(self, event: RunEvent) -> None:
        """Tell all of them. Raises `KeyboardInterrupt` alone, once all of them are told."""
        interrupt: KeyboardInterrupt | None = None
        for observer in tuple(self._observers):
            try:
                observer(event)
            except KeyboardInterrupt as error:  # the user's: it is for the run
                interrupt = error
            except BaseException:  # isolation: an observer cannot hurt the run
                logger.exception("observer %r raised and is left out from now on", observer)
                self._observers = [each for each in self._observers if each is not observer]
        if interrupt is not None:
            raise interrupt

    @contextmanager
    def run(
        self,
        purpose: Purpose,
        *,
        family: str,
        preset: str,
        device: str,
        waited_seconds: float,
        prompts: Sequence[str | None] = (),
        progress: RunProgress | None = None,
        num_segments: int | None = None,
        session_id: str | None = None,
        traceparent: str | None = None,
    ) -> Iterator[ObservedRun]:
        """Tell the start of a run now, and its end when the block is left.

        ``prompts``: what error texts must not show. ``progress``: of this run alone.
        """
        facts = {
            "run_id": secrets.token_hex(16),
            "purpose": purpose,
            "family": family,
            "preset": preset,
            "device": device,
        }
        progress = RunProgress() if progress is None else progress
        hidden, watch = [prompt for prompt in prompts if prompt], Stopwatch()
        run = ObservedRun(self, facts, hidden, progress)
        with run.ending(RunEnded, progress.end, watch), watch:
            run.tell(
                RunStarted,
                waited_seconds=waited_seconds,
                stages=progress.stages,
                num_segments=num_segments,
                session_id=session_id,
                traceparent=traceparent,
            )
            yield run


def close_observers(observers: Iterable[Callable[[RunEvent], None]]) -> None:
    """Close those that can be closed. Raises `KeyboardInterrupt` alone, once all of them are."""
    interrupt: KeyboardInterrupt | None = None
    for observer in observers:
        try:
            if isinstance(observer, _Closable):
                observer.close()
        except KeyboardInterrupt as error:  # the user's
            interrupt = error
        except BaseException:  # isolation: an observer cannot hurt the pipeline
            logger.exception("observer %r raised while it was closed", observer)
    if interrupt is not None:
        raise interrupt


@runtime_checkable
class _Closable(Protocol):
    def close(self) -> None: ...


class ObservedRun:
    """A run, as told to its observers. Without any, no event is made."""

    def __init__(
        self,
        observers: Observers,
        facts: Mapping[str, Any],
        prompts: Sequence[str],
        progress: RunProgress,
    ) -> None:
        self._observers = observers
        self._facts = facts
        self._prompts = prompts
        self._progress = progress

    @property
    def is_heard(self) -> bool:
        """Whether there are observers to tell."""
        return bool(self._observers)

    @contextmanager
    def stage(self, name: str, index: int, watch: Stopwatch) -> Iterator[ObservedStage]:
        """Tell the start of a stage now, and its end when the block is left.

        ``watch``: says then how long the stage took.
        """
        fields: dict[str, Any] = {"stage": name, "stage_index": index}
        with self.ending(StageEnded, partial(self._progress.end_stage, index), watch, **fields):
            self.tell(StageStarted, fraction=self._progress.fraction, **fields)
            yield ObservedStage(self, index)

    def segment_done(self, **fields: Any) -> None:
        """Tell the fields of `SegmentDone`."""
        self.tell(SegmentDone, fraction=self._progress.fraction, **fields)

    def tell(self, kind: Callable[..., RunEvent], **fields: Any) -> None:
        """Tell an event of this run."""
        if self._observers:
            self._observers.notify(kind(time_ns=time.time_ns(), **self._facts, **fields))

    def tell_step(self, step: Progress) -> None:
        """Tell a step of a stage that counts its steps."""
        if self._observers:
            self._observers.notify(step)

    def stamped(self, step: Progress, stage_index: int) -> Progress:
        """The step with what every event says of its run."""
        return Progress(
            step.stage,
            step.step,
            step.total,
            stage_index=stage_index,
            fraction=self._progress.step(stage_index, step.step, step.total),
            time_ns=time.time_ns(),
            **self._facts,
        )

    @contextmanager
    def ending(
        self,
        kind: Callable[..., RunEvent],
        well: Callable[[], object],
        watch: Stopwatch,
        **fields: Any,
    ) -> Iterator[None]:
        """Tell how the block ended, and after how long, which ``watch`` says then.

        ``well``: notes that it is done, where it is.
        """
        outcome: _Outcome = "done"
        error: str | None = None
        try:
            yield
            well()
        except (Cancelled, KeyboardInterrupt):
            outcome = "cancelled"
            raise
        except BaseException as raised:
            outcome = "failed"
            if self._observers:
                error = _error_text(raised, self._prompts, of_stage=kind is StageEnded)
            raise
        finally:
            ended = {"seconds": watch.seconds, "outcome": outcome, "error": error}
            self.tell(kind, fraction=self._progress.fraction, **ended, **fields)


@frozen
class ObservedStage:
    """A stage of an observed run. ``index``: its place in the recipe."""

    _run: ObservedRun
    _index: int

    @property
    def is_heard(self) -> bool:
        """Whether there are observers to tell."""
        return self._run.is_heard

    def stamped(self, step: Progress) -> Progress:
        """The step with what every event says of its run and stage."""
        return self._run.stamped(step, self._index)

    def went_on(self, step: Progress) -> Progress:
        """Tell the step, unless it is the start of its stage. Returns it as it was told."""
        told = self.stamped(step)
        if told.step:
            self._run.tell_step(told)
        return told


def _error_text(error: BaseException, prompts: Sequence[str], *, of_stage: bool) -> str:
    """One line about ``error``, without prompts; of a stage's, what the stage itself raised."""
    if of_stage and isinstance(error, StageError) and error.__cause__ is not None:
        error = error.__cause__
    text = text_of(error, whole=True)
    if len(text) * sum(map(len, prompts)) > _MAX_COMPARISONS:
        text = "its message is too long to be shown"
    for prompt in sorted(prompts, key=len, reverse=True):
        text = _without(prompt, text)
    text = text.encode(errors="backslashreplace").decode()  # half a character cannot be sent on
    name, text = type(error).__name__, " ".join(text.split())
    return (f"{name}: {text}" if text else name)[:_MAX_ERROR_CHARACTERS]


def _without(prompt: str, text: str) -> str:
    """``text`` with ``[prompt]`` for the prompt, as it is or as `repr` and `ascii` write it."""
    for form in (prompt, ascii(prompt)[1:-1]):
        if words := re.findall(r"\w+", form):
            pattern = _BETWEEN_WORDS.join(map(re.escape, words))
            if len(words) == 1:  # or a prompt of one letter would be found in every word
                pattern = rf"(?:(?<!\w)|(?<=\\[abfnrtv])){pattern}(?!\w)"
            text = re.sub(pattern, "[prompt]", text)
    return text


_BETWEEN_WORDS = r"(?:\\[abfnrtv]|\W)*"
"""What is no letter and no digit, or a line break as `repr` writes it."""

UNOBSERVED = ObservedRun(Observers(), {}, (), RunProgress())
"""A run that nobody watches."""
