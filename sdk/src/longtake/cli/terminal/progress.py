"""What a rolling take shows: a bar per segment on a terminal, a line per segment everywhere."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import click

from longtake.runs.events import Event, Progress
from longtake.runs.results import GenerationResult

__all__ = ["SegmentProgress", "describe", "seconds_of"]

_BAR = "{desc} |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]"


class SegmentProgress:
    """A bar over the steps of a segment's stages; nothing where standard error is no terminal."""

    def __init__(self, label: str) -> None:
        from tqdm import tqdm

        self._label = label
        self._bar: Any = tqdm(
            total=1, desc=label, leave=False, disable=None, dynamic_ncols=True, bar_format=_BAR
        )
        self._stage = ""

    def show(self, event: Event) -> None:
        """Move the bar to where ``event`` says."""
        if self._bar.disable or not isinstance(event, Progress):
            return
        if event.stage != self._stage:
            self._stage = event.stage
            self._bar.set_description_str(f"{self._label} {event.stage}", refresh=False)
        if event.total != self._bar.total or event.step == 0:
            self._bar.reset(total=event.total)
        self._bar.n = event.step
        self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()


def describe(label: str, result: GenerationResult) -> None:
    """One line on standard error: what a segment added, and its longest stage."""
    parts = [f"{seconds_of(result):.2f} s"]
    if len(result.frames):
        parts.insert(0, f"{len(result.frames)} frames")
    if result.timings:
        stage = max(result.timings, key=lambda name: result.timings[name])
        parts.append(f"{stage} {result.timings[stage]:.1f} s")
    click.echo(f"{label}: {', '.join(parts)}", err=True)


def seconds_of(result: GenerationResult) -> float:
    """How long the new picture is; the new sound where there is no picture."""
    if len(result.frames) or result.audio is None or not result.audio_sample_rate:
        return float(len(result.frames) / result.fps)
    return float(result.audio.shape[1] / result.audio_sample_rate)
