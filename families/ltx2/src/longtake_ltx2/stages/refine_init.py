"""The beginning of a two-stage run: the first pass is at half size."""

from __future__ import annotations

from attrs import evolve

import longtake as lt
from longtake_ltx2.values import SPATIAL_FACTOR, Geometry, RefineTarget

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

    def __call__(self, geometry: Geometry) -> tuple[Geometry, RefineTarget]:
        half = evolve(geometry, height=geometry.height // _SCALE, width=geometry.width // _SCALE)
        return half, RefineTarget(geometry)
