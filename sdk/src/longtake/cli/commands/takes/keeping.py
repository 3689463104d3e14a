"""What of a take that rolls is kept: its file, the state after it, and what is told of both."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from attrs import define, evolve, field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.takes.files import TakeFiles, same_file, state_beside
from longtake.cli.commands.takes.hints import same_command
from longtake.cli.commands.takes.starting import Start
from longtake.cli.terminal.narration import Narration
from longtake.pipeline import Pipeline
from longtake.requests.inputs import Inputs
from longtake.requests.request import GenerationRequest, Sampling
from longtake.runs.events import Event
from longtake.runs.results import GenerationResult
from longtake.states.file import StateFile
from longtake.states.live import LiveState
from longtake.takes.behind import Behind
from longtake.takes.record import TakeRequest
from longtake.takes.writer import TakeWriter

__all__ = ["Keeping", "Take"]


@frozen
class Take:
    """What to roll.

    - ``start``: the prompts, one per segment, and what they come behind.
    - ``request``: what the segments have in common, and the inputs of the first.
    - ``files``: where the take and its state go.
    - ``ends``: whether the held-back sound is let out after the last segment.
    - ``first``: the sampling of the first segment, where it is another.
    - ``predicts_length``: whether each prompt says how many new frames its segment has, as far as
      the model can tell.
    - ``asked``: what the file will say that it was asked for with.
    - ``versions``: of the distributions that make it.
    """

    start: Start
    request: GenerationRequest
    files: TakeFiles
    ends: bool
    first: Sampling | None = None
    predicts_length: bool = False
    asked: TakeRequest | None = None
    versions: Mapping[str, str] = field(factory=dict)

    @property
    def first_request(self) -> GenerationRequest:
        """What the first segment that this command rolls is asked for."""
        if self.start.again:
            return evolve(self.request, inputs=Inputs())
        return evolve(self.request, sampling=self.first or self.request.sampling)

    def writer(self, pipeline: Pipeline) -> TakeWriter:
        """What writes the take; the file is begun with the first segment, or gone on with."""
        start, files = self.start, self.files
        if start.appends:
            return TakeWriter.resume(
                files.output, after=start.state, planned=start.planned, asked=self.asked
            )
        return TakeWriter(
            files.output,
            family=pipeline.family.name,
            preset=f"{pipeline.preset.name}@{pipeline.preset.version}",
            model=pipeline.model_fingerprint,
            versions=self.versions,
            asked=self.asked,
            planned=start.planned,
            begins_after=start.state,
            overwrite=files.overwrite,
        )


@define
class Keeping:
    """A take that is being rolled: how far it has come, and where it is kept.

    ``behind``: keeps a segment while the next one is made, where that leaves a core for it.
    """

    take: Take
    writer: TakeWriter
    states: StateFile | None
    narration: Narration
    state: LiveState | None
    output: Path
    behind: Behind
    _tell_of_last: Callable[[], None] | None = None

    def keep(self, number: int, result: GenerationResult) -> None:
        """Begin to keep a segment, when the one before it is kept."""
        self.settle()
        self.state = result.live_state
        self.behind.begin(partial(self._keep, result))
        self._tell_of_last = partial(self._tell, number, result)

    @contextmanager
    def following(self, number: int) -> Iterator[Callable[[Event], None]]:
        """Follow a segment by its events, and the keeping of the one before it."""
        with self.narration.segment(number) as follow, self.behind.making():

            def both(event: Event) -> None:
                self.look()
                follow(event)

            yield both

    def settle(self) -> None:
        """Wait until the last segment is kept, and tell of it. Raises what kept it from that."""
        tell, self._tell_of_last = self._tell_of_last, None
        self.behind.settle()
        if tell is not None:
            tell()

    def look(self) -> None:
        """Tell of the last segment if it is kept by now."""
        if self.behind.is_done and not self.behind.failed:
            self.settle()

    def _keep(self, result: GenerationResult) -> None:
        """First the segment, then the state after it, which never says more than the file holds."""
        try:
            self._append(result)
        except BaseException:
            live = result.live_state
            if self.states is not None and live is not None and live.has_document:
                self.states.discard(result.state)
            raise
        if self.states is not None and result.state is not None:
            self.states.save(result.state)

    def _tell(self, number: int, result: GenerationResult) -> None:
        self.narration.moved(self.output)
        self.narration.rolled(number, result, None if self.states is None else self.states.path)

    def end(self, pipeline: Pipeline, blobs: BlobStore | None, cancel: Callable[[], bool]) -> None:
        """Let the held-back sound out, and close the file of a take that is complete."""
        if pipeline.family.finish and self.state is not None and self.writer.record.channels:
            self._append(pipeline.finish(self.state, blobs=blobs, cancel=cancel))
        self.writer.finish()

    @property
    def hint(self) -> str:
        """The command that goes on."""
        if self.states is None or not self._is_beside:
            return same_command(self.output)
        kept = self.states.path
        return same_command(self.output, None if kept == state_beside(self.output) else kept)

    @property
    def _is_beside(self) -> bool:
        """Whether the state is kept beside the take, wherever that is."""
        return self.take.files.save_state is None

    def _append(self, result: GenerationResult) -> None:
        self.writer.append(result)
        self.follow()

    def follow(self) -> None:
        """Go where the file is now, if someone took it away."""
        now = Path(self.writer.path or "")
        if not same_file(now, self.output):
            self.output = self.output.with_name(now.name)
            beside = state_beside(self.output)
            if self.states is not None and self._is_beside and not os.path.lexists(beside):
                self.states.move(beside)  # else it stays, and the hint names it
