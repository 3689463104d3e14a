"""What a stage knows of the run it is part of: progress, cancellation, seed, device."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from attrs import field, frozen

from longtake.errors import Cancelled
from longtake.runs.events import Event, Progress

__all__ = ["Run", "never", "nobody"]


def nobody(event: Event) -> None:
    """The listener of a run that nobody watches."""


def never() -> bool:
    """Whether a run that nobody can cancel is cancelled."""
    return False


@frozen(kw_only=True)
class Run:
    """Handed to every stage that asks for it. ``Run()`` alone is enough to try a stage.

    - ``seed``: of this segment.
    - ``device``: where the networks are, e.g. ``"cuda:0"``.
    - ``model_fingerprint``: of the model, as `LoadedModel` says it; a state that says which model
      it is of (`SupportsModelFingerprint`) has it from here.
    - ``stage``: the name of the stage that is running. ``listener`` gets every event;
      ``is_cancelled`` is asked between steps.
    - ``tells_observers_alone``: whether no reader of a stream is behind ``listener``.
    """

    seed: int = 0
    device: str = "cpu"
    model_fingerprint: str | None = None
    stage: str = ""
    listener: Callable[[Event], None] = field(default=nobody, repr=False)
    is_cancelled: Callable[[], bool] = field(default=never, repr=False)
    tells_observers_alone: bool = field(default=False, repr=False)

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens; if not, events need not even be made."""
        return self.listener is not nobody

    @property
    def is_read(self) -> bool:
        """Whether a stream's reader listens; if not, a `Preview` need not be made."""
        return self.is_heard and not self.tells_observers_alone

    def emit(self, event: Event) -> None:
        """Tell the listener."""
        self.listener(event)

    def check_cancelled(self) -> None:
        """Raise `Cancelled` when the caller no longer wants the result."""
        if self.is_cancelled():
            raise Cancelled("the run was cancelled" + (f" in {self.stage!r}" if self.stage else ""))

    def steps(self, total: int) -> Iterator[int]:
        """Count 0 to ``total - 1``: reports each step when it is done and stops between steps.

        Raises `Cancelled` within one step of the cancellation.
        """
        for step in range(total):
            self.check_cancelled()
            yield step
            if self.is_heard:
                self.emit(Progress(self.stage, step + 1, total))
        self.check_cancelled()

    def random(self, purpose: str) -> random.Random:
        """A generator of random numbers of its own for ``purpose``, the same on every worker."""
        return random.Random(f"{self.seed}:{purpose}")
