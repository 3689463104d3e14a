"""Whether a take fits into a device's memory, and what would, found by planning each choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from attrs import evolve, frozen

from longtake.cli.commands.plans.planned import Planned
from longtake.cli.options.family import flag_of
from longtake.errors import ValidationError
from longtake.families.estimates import RunEstimate
from longtake.requests.request import Job
from longtake.schema.references import resolve

__all__ = ["Alternative", "Fit", "fit_of"]

SAVES_MEMORY = "saves_memory"
"""A field of a family's options class may name, under this key of its metadata, the values with
which a take needs less memory, the one that needs least last."""

_SMALLER = (0.75, 0.5, 0.25)
_GRID = 64


@frozen
class Alternative:
    """What else could be said on the command line, and what the take would need then."""

    arguments: tuple[str, ...]
    peak_bytes: int
    largest_weights: int
    fits: bool

    def record(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "arguments": list(self.arguments),
            "peak_bytes": self.peak_bytes,
            "fits": self.fits,
        }


@frozen
class Fit:
    """What a take needs and what there is; ``memory_bytes`` is None when nobody said it.

    ``alternatives``: those that were planned, in that order. ``largest_weights``: what of the
    weights has to be in memory at once, whatever the size of the picture, with the best of them.
    """

    peak_bytes: int
    memory_bytes: int | None = None
    largest_weights: int = 0
    alternatives: tuple[Alternative, ...] = ()

    @property
    def fits(self) -> bool | None:
        return None if self.memory_bytes is None else self.peak_bytes <= self.memory_bytes

    @property
    def best(self) -> Alternative | None:
        """The first alternative that fits, else the one that needs least."""
        fitting = [each for each in self.alternatives if each.fits]
        return min(fitting[:1] or self.alternatives, key=lambda each: each.peak_bytes, default=None)

    def record(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "memory_bytes": self.memory_bytes,
            "fits": self.fits,
            "largest_weights": self.largest_weights,
            "alternatives": [each.record() for each in self.alternatives],
        }


def fit_of(planned: Planned, job: Job, estimate: RunEstimate, memory: int | None) -> Fit:
    """The verdict on ``estimate``; alternatives are planned where it does not fit."""
    fit = Fit(estimate.peak_bytes, memory, _largest_weights(estimate))
    if memory is None or fit.fits:
        return fit
    found: list[Alternative] = []
    for arguments, said in _savings(planned):
        _try(found, arguments, evolve(planned, said={**planned.said, **said}), memory)
    largest = min([fit.largest_weights, *(each.largest_weights for each in found)])
    if largest < memory and not any(each.fits for each in found):
        _try_smaller(found, planned, job, memory)
    return evolve(fit, largest_weights=largest, alternatives=tuple(found))


def _try_smaller(found: list[Alternative], planned: Planned, job: Job, memory: int) -> None:
    """Smaller pictures, with all that saves memory, until one fits."""
    arguments, said = ((), {}) if not found else list(_savings(planned))[-1]
    least = evolve(planned, said={**planned.said, **said})
    sampling = planned.request.sampling
    for factor in _SMALLER:
        height, width = (
            _smaller(side, factor) for side in (job.sampling.height, job.sampling.width)
        )
        size = ("--height", str(height), "--width", str(width))
        smaller = evolve(planned.request, sampling=evolve(sampling, height=height, width=width))
        _try(found, (*arguments, *size), evolve(least, request=smaller), memory)
        if found and found[-1].fits:
            return


def _smaller(side: int, factor: float) -> int:
    return max(_GRID, int(side * factor) // _GRID * _GRID)


def _try(
    found: list[Alternative], arguments: tuple[str, ...], planned: Planned, memory: int
) -> None:
    """Plan it; a choice that the family refuses is none."""
    try:
        _, estimate = planned.estimate()
    except ValidationError:
        return
    peak = estimate.peak_bytes
    found.append(Alternative(arguments, peak, _largest_weights(estimate), peak <= memory))


def _largest_weights(estimate: RunEstimate) -> int:
    """What has to be in memory at once, however small the picture is."""
    stages = [stage for segment in estimate.segments for stage in segment.stages]
    return max((stage.weight_bytes for stage in stages), default=0)


def _savings(planned: Planned) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Each choice of the family's options that saves memory, then all of them together."""
    cls: Any = resolve(planned.family.options)
    if cls is None:
        return
    options = planned.options()
    singles = [
        (_said(each.name, value), {each.name: value})
        for each in attrs.fields(cls)
        for value in _further(each.metadata.get(SAVES_MEMORY, ()), getattr(options, each.name))
    ]
    yield from singles
    together: dict[str, Any] = {}
    for _, said in singles:
        together.update(said)
    if len(together) > 1:
        yield (
            tuple(word for name, value in together.items() for word in _said(name, value)),
            together,
        )


def _further(values: tuple[Any, ...], chosen: Any) -> tuple[Any, ...]:
    """Those that save more than what is chosen already."""
    return values[values.index(chosen) + 1 :] if chosen in values else values


def _said(name: str, value: Any) -> tuple[str, ...]:
    return (flag_of(name),) if value is True else (flag_of(name), str(value))
