"""A family under test: its pipelines, its requests, and the segments of a take made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import define, evolve, field, frozen

import longtake as lt

__all__ = [
    "PROMPT",
    "Setup",
    "TriedFamily",
    "Workshop",
    "first_step",
    "resolved",
    "same_bits",
    "same_segment",
]

PROMPT = "a lighthouse in the fog"


@frozen
class Setup:
    """What a test file says of the family that it tries. See `FamilyContract`."""

    plugin: str
    family_name: str | None
    sampling: Mapping[str, Any]
    stage_overrides: Mapping[str, Mapping[str, Any]]
    overlap_frames: int
    load_options: Mapping[str, Any]
    demanded_inputs: Mapping[str, lt.Inputs]


@define(eq=False, slots=False)
class TriedFamily:
    """The family, loaded as `longtake.load` does, with an example checkpoint in ``folder``."""

    setup: Setup
    folder: Path

    @cached_property
    def registry(self) -> lt.Registry:
        """The plugin alone. Raises `PluginError` when it does not load."""
        return lt.Registry.of(self.setup.plugin)

    @cached_property
    def is_loaded(self) -> bool:
        """Whether there is anything to try."""
        try:
            return bool(self.registry.families)
        except lt.LongtakeError:
            return False

    @cached_property
    def family(self) -> lt.ModelFamily:
        """The one that is named, or the plugin's only one."""
        if self.setup.family_name is not None:
            return self.registry.family(self.setup.family_name)
        found = [provided.value for provided in self.registry.families]
        if len(found) != 1:
            names = ", ".join(family.name for family in found) or "none"
            pytest.fail(f"the plugin's families are: {names}; fill the fixture `family_name`")
        return found[0]

    @cached_property
    def counts_samples(self) -> bool:
        """Whether its states have a `longtake.TakeSpan`, which says how long the sound is."""
        return any(issubclass(codec.state_type, lt.TakeState) for codec in self.family.codecs)

    @cached_property
    def checkpoint(self) -> Path | None:
        """The family's own example; None for a family without weights."""
        if self.family.load is None:
            return None
        if self.family.example is None:
            pytest.fail("a family with `load` needs `example`, which writes a small checkpoint")
        write: Any = resolved(self.family.example)
        written: Path = write(self.folder / "example")
        return written

    def load(
        self, preset: str | None = None, *, family: lt.ModelFamily | None = None, **options: Any
    ) -> lt.Pipeline:
        """A pipeline of the family, or of what was made of it. Raises like `longtake.load`."""
        return lt.load(
            self.checkpoint,
            family=family or self.family,
            preset=preset,
            **{"registry": self.registry, **self.setup.load_options, **options},
        )

    @contextmanager
    def loaded(self, preset: str | None = None, **options: Any) -> Iterator[lt.Pipeline]:
        """Like `load`, and closed at the end."""
        pipeline = self.load(preset, **options)
        try:
            yield pipeline
        finally:
            pipeline.close()

    @cached_property
    def pipeline(self) -> lt.Pipeline:
        """Of the checkpoint's own preset, shared by the tests; none of them closes it."""
        return self.load()

    def request(self, **fields: Any) -> lt.GenerationRequest:
        """A small request of a first segment."""
        return lt.GenerationRequest(
            PROMPT,
            sampling=lt.Sampling(**self.setup.sampling),
            stage_overrides={name: dict(v) for name, v in self.setup.stage_overrides.items()},
            **fields,
        )

    def opening(self, *, state_kind: str | None = None) -> lt.GenerationRequest:
        """A small request of a first segment that another one follows."""
        return self.request(output=evolve(self._kept, state_kind=state_kind))

    def continuing(
        self, state: lt.ContinuationState | None, output: lt.Output | None = None
    ) -> lt.GenerationRequest:
        """A request for the segment after ``state``; it says no more than how long it is."""
        asked = self.setup.sampling.get("num_frames")
        return evolve(
            self.request(output=output or self._kept, state=state),
            sampling=lt.Sampling(num_frames=asked),
        )

    @cached_property
    def first(self) -> lt.GenerationResult:
        """The first segment of a take."""
        return self.pipeline.generate(self.opening())

    @cached_property
    def second(self) -> lt.GenerationResult:
        """The segment after `first`."""
        return self.pipeline.generate(self.continuing(self.first.state))

    @cached_property
    def whole(self) -> lt.GenerationResult:
        """A take of one segment."""
        return self.pipeline.generate(self.request())

    @cached_property
    def first_again(self) -> str:
        """What is another one when the first segment is made again; empty when nothing is."""
        return same_segment(self.first, self.pipeline.generate(self.opening()))

    @cached_property
    def second_again(self) -> str:
        """What is another one when the second segment is made again."""
        again = self.pipeline.generate(self.continuing(self.first.state))
        return same_segment(self.second, again)

    @cached_property
    def first_elsewhere(self) -> str:
        """What is another one when another pipeline makes the first segment."""
        with self.loaded() as pipeline:
            return same_segment(self.first, pipeline.generate(self.opening()))

    def needs_same(self, *names: str) -> None:
        """Skip a test that compares bits where that would only say again what differs anyway."""
        for name in names:
            if getattr(self, name):
                pytest.skip("the same request gives other bits, which has a test of its own")

    @property
    def codec(self) -> lt.ContinuationCodec[Any]:
        """The one that writes. A test of a family without any is skipped."""
        if not self.family.codecs:
            pytest.skip("the family makes no state, so its takes cannot be continued")
        return self.family.codecs[0]

    @property
    def preset_names(self) -> list[str]:
        """``name@version`` of every preset; the default's when there is none."""
        presets = self.family.presets or (self.family.preset(),)
        return [f"{preset.name}@{preset.version}" for preset in presets]

    def demanded(self, preset: str) -> lt.Inputs:
        """What one of `preset_names` demands beside a prompt; empty for most."""
        return self.setup.demanded_inputs.get(preset.partition("@")[0], lt.Inputs())

    def pipeline_of(self, preset: str, **options: Any) -> lt.Pipeline:
        """A pipeline of one of `preset_names`."""
        return self.load(preset if self.family.presets else None, **options)

    def close(self) -> None:
        """Let the networks go."""
        if "pipeline" in vars(self):
            self.pipeline.close()

    @property
    def _kept(self) -> lt.Output:
        return lt.Output(last=False, return_state=True, overlap_frames=self.setup.overlap_frames)


@define(eq=False)
class Workshop:
    """Families that are being tried, each loaded once for all tests of a class.

    ``new_folder``: makes a folder for each.
    """

    new_folder: Callable[[], Path]
    _families: list[TriedFamily] = field(factory=list, init=False)

    def family_of(self, setup: Setup) -> TriedFamily:
        """The family that is tried with ``setup``."""
        for each in self._families:
            if each.setup == setup:
                return each
        self._families.append(TriedFamily(setup, self.new_folder()))
        return self._families[-1]

    def close(self) -> None:
        """Let all networks go."""
        for each in self._families:
            each.close()


def resolved(target: Any) -> Any:
    """What a ``"package.module:attribute"`` names, anything else as it is."""
    return lt.Reference(target).resolve() if isinstance(target, str) else target


def first_step(events: Iterator[lt.Event]) -> lt.Progress | None:
    """Go on to the first step of a stage that counts several; None when there is none."""
    for event in events:
        if isinstance(event, lt.Progress) and event.step == 1 and event.total > 1:
            return event
    return None


def same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays, or two missing ones, are equal bit for bit."""
    if one is None or other is None:
        return one is other
    return bool(one.dtype == other.dtype and np.array_equal(one, other))


def same_segment(one: lt.GenerationResult, other: lt.GenerationResult) -> str:
    """What of two segments differs; empty when nothing does. States are compared inline."""
    different = []
    if not same_bits(one.frames, other.frames):
        different.append("the picture")
    if not same_bits(one.audio, other.audio):
        different.append("the sound")
    if _text(one.state) != _text(other.state):
        different.append("the next state")
    return " and ".join(different)


def _text(state: lt.ContinuationState | None) -> str:
    return "" if state is None else state.to_json()
