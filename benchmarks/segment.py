"""Text to video beside diffusers' own pipeline: the whole segment, in each guidance mode.

The same work on the same random weights: same size, steps, guidance, and numerics. The first run
of each side pays for caches. Longtake keeps the text of the run before; the pipeline encodes it
again, as it does for whoever calls it.

    python benchmarks/segment.py [--runs 5] [--steps 4] [--guidance none text all]
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, get_args

from attrs import frozen

import longtake as lt
from longtake_ltx2.presets import PRESETS
from longtake_ltx2.tiny import LARGER, TINY, Generation, TinySize, write_tiny_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Told, at_least, gain, paired

PART = Part("segment", "Text to video", "diffusers' LTX2ConditionPipeline")

PRESET = next(preset for preset in PRESETS if preset.name == "ltx2_3_base")
DEFAULTS = PRESET.stage_defaults["denoise"]
OFF = {
    "guidance_scale": 1.0,
    "audio_guidance_scale": 1.0,
    "stg_scale": 0.0,
    "audio_stg_scale": 0.0,
    "modality_scale": 1.0,
    "audio_modality_scale": 1.0,
    "guidance_rescale": 0.0,
    "audio_guidance_rescale": 0.0,
}
TEXT = {
    "guidance_scale": PRESET.defaults["guidance_scale"],
    "audio_guidance_scale": DEFAULTS["audio_guidance_scale"],
}
GUIDANCE: dict[str, dict[str, Any]] = {
    "none": OFF,
    "text": {**OFF, **TEXT},
    "all": {**TEXT, **{name: value for name, value in DEFAULTS.items() if name != "stg_blocks"}},
}
"""One pass a step, two, and four."""

SIZES = {"tiny": TINY, "larger": LARGER}
STG_DEPTH = 28 / 48  # the block that STG perturbs in LTX-2.3, of all its blocks
PROMPT, NEGATIVE = "a lighthouse in the fog", "blurry, quiet"
COMPARED = "wall time of the whole segment, diffusers / Longtake, which keeps the encoded text"


@frozen
class Asked:
    """The work that both sides do: ``guidance`` is one of `GUIDANCE`, sizes are in pixels."""

    guidance: str
    steps: int
    height: int = 128
    width: int = 192
    num_frames: int = 49

    @property
    def shape(self) -> dict[str, Any]:
        return {"height": self.height, "width": self.width, "num_frames": self.num_frames}

    def __str__(self) -> str:
        return f"{self.height}x{self.width}, {self.num_frames} frames, {self.steps} steps"


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", nargs="+", choices=GUIDANCE, default=[*GUIDANCE])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=[*SIZES])
    parser.add_argument("--generations", nargs="+", choices=get_args(Generation))
    parser.set_defaults(generations=get_args(Generation))
    asked = parser.parse_args()
    works = [Asked(guidance, asked.steps) for guidance in asked.guidance]
    sizes = {name: SIZES[name] for name in asked.sizes}
    PART.tell(figures(asked.generations, sizes, works, asked.runs), asked.json)


def figures(
    generations: list[Generation], sizes: dict[str, TinySize], works: list[Asked], runs: int
) -> Iterator[Told]:
    """One of each generation, size of the network, and guidance."""
    yield f"{works[0]}; random weights of two sizes, fp32, CPU."
    with tempfile.TemporaryDirectory() as scratch:
        for generation in generations:
            for name, size in sizes.items():
                path = Path(scratch) / f"{generation}-{name}"
                write_tiny_checkpoint(path, generation=generation, size=size)
                for work in works:
                    yield from compared(f"{generation} {name}", path, work, runs)


def compared(name: str, path: Path, work: Asked, runs: int) -> Iterator[Told]:
    """The ratio, and what each stage of ours took."""
    made: list[lt.GenerationResult] = []
    ours, theirs = longtake_side(path, work), diffusers_side(path, work)
    pairs = paired(lambda: made.append(ours()), theirs, pairs=runs)
    label = f"{name}, guidance {work.guidance}"
    yield gain(label, COMPARED, pairs, at_least(1.05))
    stages = {
        stage: 1e3 * median(result.timings[stage] for result in made[1:])
        for stage in made[0].timings
    }
    yield f"{label}: {', '.join(f'{stage} {ms:.0f} ms' for stage, ms in stages.items())}"


def config(path: Path) -> Any:
    return json.loads((path / "transformer" / "config.json").read_text())


def stg_blocks(path: Path) -> list[int]:
    return [int(config(path)["num_layers"] * STG_DEPTH)]


def longtake_side(path: Path, work: Asked) -> Callable[[], lt.GenerationResult]:
    """A run with the numerics of the other side."""
    pipeline = lt.load(path, numerics="diffusers", dtype="float32", device="cpu")
    request = lt.GenerationRequest(
        PROMPT,
        negative_prompt=NEGATIVE,
        sampling=lt.Sampling(seed=1, num_inference_steps=work.steps, **work.shape),
        stage_overrides={"denoise": {**GUIDANCE[work.guidance], "stg_blocks": stg_blocks(path)}},
    )
    return lambda: pipeline.generate(request)


def diffusers_side(path: Path, work: Asked) -> Callable[[], Any]:
    """A call of the stock pipeline."""
    import torch
    from diffusers import LTX2ConditionPipeline

    pipe = LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    options = stock_options(pipe, path, work)
    return lambda: pipe(generator=torch.Generator("cpu").manual_seed(1), **options)


def stock_options(pipe: Any, path: Path, work: Asked) -> dict[str, Any]:
    """What the stock pipeline ``pipe`` of ``path`` is called with, but for its generator."""
    return {
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "frame_rate": 24.0,
        "num_inference_steps": work.steps,
        "spatio_temporal_guidance_blocks": stg_blocks(path),
        "use_cross_timestep": bool(config(path).get("cross_attn_mod", False)),
        "max_sequence_length": pipe.tokenizer.model_max_length,
        "output_type": "np",
        **work.shape,
        **GUIDANCE[work.guidance],
    }


SIDES: dict[str, Callable[[Path, Asked], Callable[[], Any]]] = {
    "longtake": longtake_side,
    "diffusers": diffusers_side,
}


if __name__ == "__main__":
    main()
