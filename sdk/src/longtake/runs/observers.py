"""Observers are told the events of every run, and cannot hurt one."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

from attrs import define, frozen

from longtake.errors import Cancelled, StageError
from longtake.runs.events import (
    RunEnded,
    RunEvent,
    RunStarted,
    SegmentDone,
    StageEnded,
    StageStarted,
    StepDone,
)

__all__ = ["UNOBSERVED", "ObservedRun", "ObservedStage", "Observers"]

logger = logging.getLogger(__name__)

_MAX_ERROR_CHARACTERS = 500

_MAX_COMPARISONS = 10**7
"""Characters of a prompt by those of a text, in which looking for it takes a second at most."""

_Outcome: TypeAlias = Literal["done", "failed", "cancelled"]


class Observers:
    """Tells each observer every event; one that raises is reported once and left out after."""

    def __init__(self, observers: Sequence[Callable[[RunEvent], None]] = ()) -> None:
        self._observers = list(observers)

    def __bool__(self) -> bool:
        return bool(self._observers)

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
        purpose: Literal["segment", "finish"],
        *,
        family: str,
        preset: str,
        device: str,
        waited_seconds: float,
        prompts: Sequence[str | None] = (),
    ) -> Iterator[ObservedRun]:
        """Tell the start of a run now, and its end when the block is left.

        ``prompts``: what error texts must not show.
        """
        facts = {
            "run_id": secrets.token_hex(16),
            "purpose": purpose,
            "family": family,
            "preset": preset,
            "device": device,
        }
        run = ObservedRun(self, facts, [prompt for prompt in prompts if prompt])
        with run.ending(RunEnded):
            run.tell(RunStarted, waited_seconds=waited_seconds)
            yield run


class ObservedRun:
    """A run, as told to its observers. Without any, no event is made."""

    def __init__(
        self, observers: Observers, facts: Mapping[str, str], prompts: Sequence[str] = ()
    ) -> None:
        self._observers = observers
        self._facts = facts
        self._prompts = prompts

    @contextmanager
    def stage(self, name: str, index: int) -> Iterator[ObservedStage]:
        """Tell the start of a stage now, and its end when the block is left."""
        fields: dict[str, Any] = {"stage": name, "stage_index": index}
        with self.ending(StageEnded, **fields) as clock:
            self.tell(StageStarted, **fields)
            yield ObservedStage(self, fields, clock)

    def segment_done(self, **fields: Any) -> None:
        """Tell the fields of `SegmentDone`."""
        self.tell(SegmentDone, **fields)

    def tell(self, kind: Callable[..., RunEvent], **fields: Any) -> None:
        """Tell an event of this run."""
        if self._observers:
            self._observers.notify(kind(time_ns=time.time_ns(), **self._facts, **fields))

    @contextmanager
    def ending(self, kind: Callable[..., RunEvent], **fields: Any) -> Iterator[_Clock]:
        """Tell how the block ended, and after how long."""
        started, clock = time.perf_counter(), _Clock()
        outcome: _Outcome = "done"
        error: str | None = None
        try:
            yield clock
        except (Cancelled, KeyboardInterrupt):
            outcome = "cancelled"
            raise
        except BaseException as raised:
            outcome = "failed"
            if self._observers:
                error = _error_text(raised, self._prompts, of_stage=kind is StageEnded)
            raise
        finally:
            clock.seconds = time.perf_counter() - started
            self.tell(kind, seconds=clock.seconds, outcome=outcome, error=error, **fields)


@define
class _Clock:
    seconds: float = 0.0


@frozen
class ObservedStage:
    """A stage of an observed run."""

    _run: ObservedRun
    _fields: Mapping[str, Any]
    _clock: _Clock

    @property
    def seconds(self) -> float:
        """What the stage took, once it is over."""
        return self._clock.seconds

    def step_done(self, step: int, total: int) -> None:
        """Tell that ``step`` of ``total`` are done."""
        self._run.tell(StepDone, step=step, total=total, **self._fields)


def _error_text(error: BaseException, prompts: Sequence[str], *, of_stage: bool) -> str:
    """One line about ``error``, without prompts; of a stage's, what the stage itself raised."""
    if of_stage and isinstance(error, StageError) and error.__cause__ is not None:
        error = error.__cause__
    try:
        text = str(error)
    except Exception:  # isolation: the error of a plugin may be as broken as the plugin
        text = "its message cannot be shown"
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

UNOBSERVED = ObservedRun(Observers(), {})
"""A run that nobody watches."""
