"""What part of a run each of its stages is expected to be, by the family's own estimate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attrs import evolve

from longtake.families.estimates import EstimateRequest
from longtake.families.family import ModelFamily
from longtake.families.models import ModelSource
from longtake.families.stages import Recipe
from longtake.requests.inputs import Inputs
from longtake.runs.asked import Asked
from longtake.runs.events import StageShare
from longtake.runs.progress import RunProgress, stage_shares
from longtake.runs.resolution import Resolved
from longtake.schema.references import resolve

__all__ = ["ExpectedShares"]

logger = logging.getLogger(__name__)

_MOST_KNOWN = 8
"""Kinds of segments that are remembered; a pipeline seldom makes more of them in turn."""


class ExpectedShares:
    """The shares of the stages of ``recipe``; an estimate is asked for once per kind of segment.

    ``source``: what the model was loaded from, None where that is not known. Used by one run at a
    time.
    """

    def __init__(self, family: ModelFamily, recipe: Recipe, source: ModelSource | None) -> None:
        self._family = family
        self._recipe = recipe
        self._source = source
        if source is None and family.load is None:
            self._source = ModelSource(path=None)
        self._known: list[tuple[object, tuple[StageShare, ...]]] = []

    def progress(self, asked: Asked | None, *, is_heard: bool) -> RunProgress:
        """What counts the progress of a run, of a finish when ``asked`` is None.

        It counts nothing where nobody would hear of it.
        """
        if not is_heard:
            return RunProgress()
        if asked is None:
            return RunProgress(stage_shares(self._family.finish))
        return RunProgress(self.of(asked.expect))

    def of(self, expect: Callable[[], Resolved]) -> tuple[StageShare, ...]:
        """The shares of a run. Whatever ``expect`` and the family raise costs only the weights."""
        if self._source is None or self._family.estimate is None:
            return stage_shares(self._recipe)
        try:
            return self._of_kind(expect())
        except KeyboardInterrupt:  # the user's, not the family's
            raise
        except BaseException:  # isolation: an estimate must not cost the run
            logger.debug("there is no telling what the stages cost", exc_info=True)
            return stage_shares(self._recipe)

    def _of_kind(self, resolved: Resolved) -> tuple[StageShare, ...]:
        job = resolved.job
        sampling = evolve(job.sampling, seed=0)
        kind = (job.segment_index > 0, sampling, job.output, resolved.options)
        for known, shares in self._known:
            if known == kind:
                return shares
        self._known = self._known[1 - _MOST_KNOWN :]
        self._known.append((kind, stage_shares(self._recipe)))  # also where the estimate fails
        shares = stage_shares(self._recipe, self._costs(resolved))
        self._known[-1] = (kind, shares)
        return shares

    def _costs(self, resolved: Resolved) -> Sequence[float]:
        """FLOPs of the stages, in their order."""
        source, continues = self._source, resolved.job.segment_index > 0
        assert source is not None
        estimate: Any = resolve(self._family.estimate)
        asked = EstimateRequest(
            path=source.path,
            recipe=self._recipe,
            job=evolve(resolved.job, inputs=Inputs()),  # whose decoding is not worth a weight
            stage_options=resolved.options,
            segments=2 if continues else 1,
            device=source.device,
            dtype=source.dtype,
            options=source.options,
        )
        with ThreadPoolExecutor(1) as aside:  # what counts a run's own work does not see this
            found = aside.submit(estimate, asked).result()
        return [float(stage.flops) for stage in found.segments[-1].stages]
