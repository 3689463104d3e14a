"""An observer for Longtake: a line of JSON in a file for each run that is over."""

from __future__ import annotations

import json
import threading

from attrs import frozen

import longtake as lt


@frozen(kw_only=True)
class UntitledOptions:
    """What users may set, e.g. ``lt.load(..., observers={"untitled": {"path": "runs.jsonl"}})``."""

    path: str = ""  # nothing is written without one


class Untitled:
    """Told by the threads of all runs of one pipeline."""

    def __init__(self, options: UntitledOptions) -> None:
        self._lock = threading.Lock()
        try:
            self._file = open(options.path, "a", encoding="utf-8")  # noqa: SIM115  # until `close`
        except OSError as error:
            raise lt.ValidationError("options.path", f"cannot be written: {error}") from error

    def __call__(self, event: lt.RunEvent) -> None:
        if not isinstance(event, lt.RunEnded):
            return
        told = {
            "run": event.run_id,
            "family": event.family,
            "outcome": event.outcome,
            "error": event.error,
            "seconds": round(event.seconds, 3),
        }
        with self._lock:
            if not self._file.closed:
                self._file.write(json.dumps(told) + "\n")
                self._file.flush()

    def close(self) -> None:
        with self._lock:
            self._file.close()


def observe(options: UntitledOptions) -> Untitled | None:
    """The observer of one pipeline; None when there is nothing to do."""
    return Untitled(options) if options.path else None


@lt.hookimpl
def longtake_observers() -> list[lt.Observer]:
    return [lt.Observer("untitled", observe, options=UntitledOptions)]
