"""The beginning of a two-stage run: the first pass is at half size, or what can be enlarged."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import evolve

import longtake as lt
from longtake_ltx2.sizes import SPATIAL_FACTOR
from longtake_ltx2.values import Geometry, RefineTarget

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2RefineInitStage"]

_SCALE = Fraction(2)


class LTX2RefineInitStage:
    """Makes the size smaller for the first pass and remembers the size that was asked for.

    ``upsampler_scale``: by how much the latent upsampler enlarges it again; published ones double
    the size or make it half as large again.
    """

    def __init__(self, upsampler_scale: Fraction = _SCALE) -> None:
        self._scale = upsampler_scale

    def check(self, job: lt.Job) -> None:
        """Refuse a size whose first pass the VAE cannot make. Raises `longtake.ValidationError`."""
        factor = math.lcm(SPATIAL_FACTOR, (self._scale * SPATIAL_FACTOR).numerator)
        for name, size in (("height", job.sampling.height), ("width", job.sampling.width)):
            if size % factor:
                near = max(factor, round(size / factor) * factor)
                raise lt.ValidationError(
                    f"sampling.{name}",
                    f"is {size}; must divide by {factor} in two stages, e.g. {near}",
                )

    @staticmethod
    def resized(geometry: Geometry, scale: Fraction = _SCALE) -> Geometry:
        """The size of the first pass."""
        return evolve(geometry, height=geometry.height // scale, width=geometry.width // scale)

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """No work to speak of; what `check` refuses is refused."""
        LTX2RefineInitStage(scene.networks.upsampler_scale).check(scene.job)
        return lt.StageEstimate()

    def __call__(self, geometry: Geometry) -> tuple[Geometry, RefineTarget]:
        return self.resized(geometry, self._scale), RefineTarget(geometry)
