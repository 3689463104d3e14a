"""The beginning of a two-stage run: the first pass is at half size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

import longtake as lt
from longtake_ltx2.sizes import SPATIAL_FACTOR
from longtake_ltx2.values import Geometry, RefineTarget

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2RefineInitStage"]

_SCALE = 2


class LTX2RefineInitStage:
    """Halves the size for the first pass and remembers the size that was asked for."""

    def check(self, job: lt.Job) -> None:
        """Refuse a size whose half the VAE cannot make. Raises `longtake.ValidationError`."""
        factor = _SCALE * SPATIAL_FACTOR
        for name, size in (("height", job.sampling.height), ("width", job.sampling.width)):
            if size % factor:
                near = max(factor, round(size / factor) * factor)
                raise lt.ValidationError(
                    f"sampling.{name}",
                    f"is {size}; must divide by {factor} in two stages, e.g. {near}",
                )

    @staticmethod
    def resized(geometry: Geometry) -> Geometry:
        """The size of the first pass."""
        return evolve(geometry, height=geometry.height // _SCALE, width=geometry.width // _SCALE)

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """No work to speak of; what `check` refuses is refused."""
        LTX2RefineInitStage().check(scene.job)
        return lt.StageEstimate()

    def __call__(self, geometry: Geometry) -> tuple[Geometry, RefineTarget]:
        return self.resized(geometry), RefineTarget(geometry)
