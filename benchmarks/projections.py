"""What the real models compute for a segment, Longtake beside diffusers: projected, not measured.

    python benchmarks/projections.py [--generations 2.0 2.3] [--height 512 --width 768]

Floating-point operations of matrix products and convolutions, from the published configurations
alone: no weights, no accelerator. On tiny checkpoints a test holds both sides to what torch counts
in a run, to the last operation. Longtake runs with its official numerics; diffusers'
``LTX2ConditionPipeline`` gets the same request, and for a segment that goes on the last frames of
the one before. What Longtake decodes and denoises beside that to carry the sound counts.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

import longtake as lt
from longtake_ltx2.checkpoints.published import PUBLISHED, write_configs

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.flops import Flops, longtake_flops, stock_flops
from benchmarks.harness import Part, Sides, Told, lone

PART = Part("projections", "Projected to the real size", "diffusers' LTX2ConditionPipeline")

OVERLAP = 9
MODES = {
    "distilled": {"2.0": "ltx2_distilled", "2.3": "ltx2_distilled", "2.5": "ltx2_5_distilled"},
    "four passes": {"2.0": "ltx2_base", "2.3": "ltx2_3_base", "2.5": "ltx2_5_base"},
}
"""A pass a step, as distilled checkpoints are used, and all four: the preset of each generation."""
COMPARED = "floating-point operations, diffusers / Longtake"


@frozen
class Projected:
    """A segment on both sides."""

    name: str
    ours: Flops
    stock: Flops

    def told(self) -> Iterator[Told]:
        """The ratio of the whole segment, that of its loop, and what either side is made of."""
        for what, ours, stock in (
            ("", self.ours.total, self.stock.total),
            (", denoising", self.ours.denoise, self.stock.denoise),
        ):
            sides = Sides(ours / 1e12, stock / 1e12, "TFLOP")
            yield lone(f"{self.name}{what}", COMPARED, stock / ours, "times", sides=sides)
        yield f"{self.name}, in TFLOP: Longtake {self.ours}; diffusers {self.stock}"


def main() -> None:
    parser = PART.parser(__doc__)
    generations = [each.name.removeprefix("ltx-") for each in PUBLISHED]
    parser.add_argument("--generations", nargs="+", choices=generations, default=generations)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--num-frames", type=int, default=121)
    asked = parser.parse_args()
    size = {"height": asked.height, "width": asked.width, "num_frames": asked.num_frames}
    PART.tell(figures(asked.generations, size), asked.json)


def figures(generations: list[str], size: dict[str, int]) -> Iterator[Told]:
    """Of each generation and mode, the first segment and one that goes on from it."""
    shown = f"{size['height']}x{size['width']}, {size['num_frames']} frames, 24 frames per second"
    yield f"{shown}; computed from the published configurations, nothing was run."
    with tempfile.TemporaryDirectory() as scratch:
        for checkpoint in PUBLISHED:
            generation = checkpoint.name.removeprefix("ltx-")
            if generation in generations:
                path = write_configs(checkpoint, Path(scratch) / generation)
                for mode, presets in MODES.items():
                    name = f"{generation}, {mode}"
                    for each in projected(name, path, presets[generation], request_of(size)):
                        yield from each.told()


def request_of(size: dict[str, Any], **overrides: Any) -> lt.GenerationRequest:
    """A segment that another one follows; ``overrides``: of the loop."""
    return lt.GenerationRequest(
        "a lighthouse in the fog",
        sampling=lt.Sampling(seed=1, fps=24, **size),
        output=lt.Output(last=False, return_state=True, overlap_frames=OVERLAP),
        stage_overrides={"denoise": overrides} if overrides else {},
    )


def projected(
    name: str, path: Path, preset: str, request: lt.GenerationRequest
) -> tuple[Projected, Projected]:
    """The first segment, and the one that goes on from it with the same prompts."""
    first, second = longtake_flops(path, preset, request)
    return (
        Projected(f"{name}, first segment", first, stock_flops(path, preset, request)),
        Projected(
            f"{name}, goes on", second, stock_flops(path, preset, request, condition=OVERLAP)
        ),
    )


if __name__ == "__main__":
    main()
