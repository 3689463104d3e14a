"""Observers are told the events of every run, and cannot hurt one."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from longtake.errors import Cancelled
from longtake.runs.error_lines import error_line
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
        with run.ending(watch), watch:
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

    def stage(self, name: str, index: int) -> ObservedStage:
        """The stage at ``index`` of the recipe, whose start and end are still to be told."""
        return ObservedStage(self, name, index)

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

    def stamped(self, stage: str, stage_index: int, step: int, total: int) -> Progress:
        """A step of a stage, with what every event says of its run."""
        return Progress(
            stage,
            step,
            total,
            stage_index=stage_index,
            fraction=self._progress.step(stage_index, step, total),
            time_ns=time.time_ns(),
            **self._facts,
        )

    def start_stage(self, **stage: Any) -> None:
        """Tell the start of a stage. ``stage``: its name and index, as events say them."""
        self.tell(StageStarted, fraction=self._progress.fraction, **stage)

    def end_stage(
        self, error: BaseException | None, seconds: float, *, stage: str, stage_index: int
    ) -> None:
        """Note and tell how a stage ended, and that it took ``seconds``."""
        if error is None:
            self._progress.end_stage(stage_index)
        self._tell_end(StageEnded, error, seconds, stage=stage, stage_index=stage_index)

    @contextmanager
    def ending(self, watch: Stopwatch) -> Iterator[None]:
        """Tell how the run ended as the block is left, and after how long, as ``watch`` says."""
        try:
            yield
        except BaseException as error:
            self._tell_end(RunEnded, error, watch.seconds)
            raise
        self._progress.end()
        self._tell_end(RunEnded, None, watch.seconds)

    def _tell_end(
        self,
        kind: Callable[..., RunEvent],
        raised: BaseException | None,
        seconds: float,
        **fields: Any,
    ) -> None:
        if not self._observers:
            return
        outcome: _Outcome = "done"
        error: str | None = None
        if isinstance(raised, Cancelled | KeyboardInterrupt):
            outcome = "cancelled"
        elif raised is not None:
            outcome = "failed"
            error = error_line(raised, self._prompts, of_stage=kind is StageEnded)
        ended = {"seconds": seconds, "outcome": outcome, "error": error}
        self.tell(kind, fraction=self._progress.fraction, **ended, **fields)


class ObservedStage:
    """A stage of an observed run: its start is told as it is entered, its end as it is left.

    A class, for a generator would take longer than all the rest of it. ``index``: the stage's place
    in the recipe.
    """

    def __init__(self, run: ObservedRun, name: str, index: int) -> None:
        self._run = run
        self._name = name
        self._index = index
        self._watch = Stopwatch()

    @property
    def is_heard(self) -> bool:
        """Whether there are observers to tell."""
        return self._run.is_heard

    @property
    def seconds(self) -> float:
        """What the stage took, once it is left."""
        return self._watch.seconds

    def __enter__(self) -> None:
        try:
            self._run.start_stage(stage=self._name, stage_index=self._index)
        except BaseException as error:  # the user's interruption: the stage ends before it runs
            self._end(error)
            raise
        self._watch.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watch.__exit__()
        self._end(error)

    def stamped(self, step: int, total: int) -> Progress:
        """A step of the stage, with what every event says of its run and stage."""
        return self._run.stamped(self._name, self._index, step, total)

    def went_on(self, step: Progress) -> Progress:
        """Tell the step, unless it is the start of its stage. Returns it as it was told."""
        told = self._run.stamped(step.stage, self._index, step.step, step.total)
        if told.step:
            self._run.tell_step(told)
        return told

    def _end(self, error: BaseException | None) -> None:
        self._run.end_stage(error, self.seconds, stage=self._name, stage_index=self._index)


UNOBSERVED = ObservedRun(Observers(), {}, (), RunProgress())
"""A run that nobody watches."""
