"""What a run will take, told before anything is loaded: values, passes, FLOPs and memory.

One multiply-add is two FLOPs; matrix products, attention and convolutions are counted, as
``torch.utils.flop_counter.FlopCounterMode`` counts them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from attrs import evolve, field, frozen

from longtake.families.stages import Recipe, StageSpec, naming_options
from longtake.requests.request import Job
from longtake.schema.references import resolve

__all__ = [
    "EstimateRequest",
    "PassEstimate",
    "RunEstimate",
    "SegmentEstimate",
    "StageEstimate",
    "SupportsEstimate",
    "ValueEstimate",
    "estimate_stage",
]


@frozen(kw_only=True)
class EstimateRequest:
    """What a family's ``estimate`` is given.

    - ``path``: the checkpoint, of which only small files need to be there; None for a family
      without weights.
    - ``recipe``: the stages of a segment.
    - ``job``: of the first segment.
    - ``stage_options``: an instance of every stage's options class, by stage name.
    - ``segments``: how many the take has.
    - ``device``, ``dtype``: as the caller said, None for the family's choice.
    - ``options``: an instance of the family's options class, None when it has none.
    """

    path: Path | None
    recipe: Recipe
    job: Job
    stage_options: Mapping[str, Any] = field(factory=dict)
    segments: int = 1
    device: str | None = None
    dtype: str | None = None
    options: Any = None


@frozen
class ValueEstimate:
    """One array that a stage makes. ``name``: e.g. ``CleanLatents.video``; ``dtype``: its name."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    num_bytes: int


@frozen
class PassEstimate:
    """One forward pass of a network, or of a stage that runs one once. ``flops``: of one pass."""

    name: str
    flops: int


def _values(given: Iterable[ValueEstimate]) -> tuple[ValueEstimate, ...]:
    return tuple(given)


def _passes(given: Iterable[PassEstimate]) -> tuple[PassEstimate, ...]:
    return tuple(given)


@frozen(kw_only=True)
class StageEstimate:
    """One stage of a segment.

    - ``name``: in the recipe.
    - ``kind``: the name of its class.
    - ``values``: what it makes.
    - ``steps``: of its loop, 1 without one.
    - ``passes``: what every step runs.
    - ``weights``: bytes of each network that it runs, by component name.
    - ``weight_bytes``: of all of them.
    - ``activation_bytes``: what it needs beside weights and values, at most.
    - ``peak_bytes``: everything that is in memory while it runs, at most.
    - ``note``: what the numbers leave out.
    """

    name: str = ""
    kind: str = ""
    values: tuple[ValueEstimate, ...] = field(default=(), converter=_values)
    steps: int = 1
    passes: tuple[PassEstimate, ...] = field(default=(), converter=_passes)
    weights: Mapping[str, int] = field(factory=dict)
    weight_bytes: int = field()
    activation_bytes: int = 0
    peak_bytes: int = 0
    note: str = ""

    @weight_bytes.default
    def _sum_of_weights(self) -> int:
        return sum(self.weights.values())

    @property
    def flops(self) -> int:
        """Of all passes of all steps."""
        return self.steps * sum(each.flops for each in self.passes)

    @property
    def value_bytes(self) -> int:
        """Of all values that it makes."""
        return sum(value.num_bytes for value in self.values)


@runtime_checkable
class SupportsEstimate(Protocol):
    """A stage, class or function, that says what it will make and take before it is built.

    A family's `estimate` asks each stage of the recipe with `estimate_stage`, so a stage that
    another package brings is counted beside the family's own.
    """

    def estimate(self, spec: StageSpec, scene: Any) -> StageEstimate:
        """What the stage of ``spec`` makes and takes; a class has it as a static or class method.

        ``scene``: the family's own value, which its documentation describes: the networks and where
        the segment lies. ``name`` and ``kind`` are filled in by who asks. Raises `ValidationError`
        for what the stage would refuse, an option of its own as ``options.<field>``.
        """
        ...


def estimate_stage(spec: StageSpec, scene: Any) -> StageEstimate:
    """What the stage of ``spec`` says of itself; one without `SupportsEstimate` is "not estimated".

    Raises what the stage raises, with the path of an option as users call it.
    """
    target = resolve(spec.stage)
    named = target if inspect.isclass(target) or inspect.isroutine(target) else type(target)
    found = StageEstimate(note="not estimated")
    if isinstance(target, SupportsEstimate):
        with naming_options({"options": spec.name}):
            found = target.estimate(spec, scene)
    return evolve(found, name=spec.name, kind=named.__name__)


def _stages(given: Iterable[StageEstimate]) -> tuple[StageEstimate, ...]:
    return tuple(given)


@frozen
class SegmentEstimate:
    """One segment of the take. ``new_frames``: those that it adds."""

    stages: tuple[StageEstimate, ...] = field(converter=_stages)
    new_frames: int = 0

    @property
    def flops(self) -> int:
        return sum(stage.flops for stage in self.stages)

    @property
    def peak_bytes(self) -> int:
        return max((stage.peak_bytes for stage in self.stages), default=0)


def _segments(given: Iterable[SegmentEstimate]) -> tuple[SegmentEstimate, ...]:
    return tuple(given)


@frozen
class RunEstimate:
    """A whole take: what a family's ``estimate`` returns.

    ``weight_bytes``: of all its networks. ``notes``: what was assumed, a line each.
    """

    segments: tuple[SegmentEstimate, ...] = field(converter=_segments)
    weight_bytes: int = 0
    notes: tuple[str, ...] = ()

    @property
    def flops(self) -> int:
        return sum(segment.flops for segment in self.segments)

    @property
    def peak_bytes(self) -> int:
        return max((segment.peak_bytes for segment in self.segments), default=0)
