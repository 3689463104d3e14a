"""What was made in some places of a clip, blended into its own frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.conditioning.painting import PaintedSource
from longtake_ltx2.conditioning.requested import RequestedInputs
from longtake_ltx2.estimating.arrays import COLORS, array, trailing_frames
from longtake_ltx2.stage_overrides import LTX2BlendOptions
from longtake_ltx2.stages.pyramids import blended
from longtake_ltx2.values import Geometry, TrailingFrames

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2BlendingStage"]

_FLOATS_AT_ONCE = 6
"""Arrays of a few frames, fp32, that are there at the same time, their pyramids included."""
_FRAMES_AT_ONCE = 8


class LTX2BlendingStage:
    """Shows the clip's own frames where nothing was to be made, and a soft seam around it.

    The next segment begins with frames as they are shown.
    """

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """The frames once more; no network runs."""
        clock = scene.geometry.clock
        size = (scene.geometry.height, scene.geometry.width, COLORS)
        few = array("pixels", (_FLOATS_AT_ONCE * _FRAMES_AT_ONCE, *size))
        return lt.StageEstimate(
            values=[
                array("Frames.pixels", (clock.num_frames - clock.repeated_frames, *size), "uint8"),
                trailing_frames("TrailingFrames.pixels", scene),
            ],
            activation_bytes=few.num_bytes,
        )

    @torch.no_grad()
    def __call__(
        self,
        frames: lt.Frames,
        trailing: TrailingFrames,
        geometry: Geometry,
        inputs: RequestedInputs,
        options: LTX2BlendOptions | None,
        run: lt.Run,
    ) -> tuple[lt.Frames, TrailingFrames]:
        source, chosen = inputs.painted, options or LTX2BlendOptions()
        if source is None or not len(frames.pixels):
            return frames, trailing
        clock, count = geometry.clock, len(trailing.pixels)
        shown = _blended(source, frames.pixels, clock.repeated_frames, geometry, chosen, run)
        # Few frames: some of them may be among those that the segment repeats.
        last = _blended(source, trailing.pixels, clock.num_frames - count, geometry, chosen, run)
        return lt.Frames(shown), TrailingFrames(last)


def _blended(
    source: PaintedSource,
    made: NDArray[np.uint8],
    first: int,
    geometry: Geometry,
    options: LTX2BlendOptions,
    run: lt.Run,
) -> NDArray[np.uint8]:
    """Frames ``[n, H, W, 3]`` of the segment from ``first`` on."""
    size, found = (geometry.height, geometry.width), np.empty_like(made)
    for start in range(0, len(made), _FRAMES_AT_ONCE):
        part = made[start : start + _FRAMES_AT_ONCE]
        some = slice(first + start, first + start + len(part))
        mask = source.remade(
            some, *size, growth=options.mask_growth, margin=options.margin, device=run.device
        )
        clip = source.shown(some, *size, run.device)
        new = torch.tensor(part).to(run.device).permute(0, 3, 1, 2).float()
        picture = blended(clip, new, mask).round_().clamp_(0, 255)
        found[start : start + len(part)] = picture.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return found
