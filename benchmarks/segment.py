"""One segment beside diffusers' own pipeline: time per stage, total, and peak memory.

The same work on the same random weights: same size, steps, guidance and numerics, paired in one
run, because machines are noisy. Peak memory is each side's own process, above what it needed to
load.

    python benchmarks/segment.py [--runs 5] [--steps 4]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.presets import PRESETS
from longtake_ltx2.tiny import LARGER, TINY, Generation, write_tiny_checkpoint

PRESET = next(preset for preset in PRESETS if preset.name == "ltx2_3_base")
GUIDANCE: dict[str, Any] = {
    "guidance_scale": PRESET.defaults["guidance_scale"],
    **{k: v for k, v in PRESET.stage_defaults["denoise"].items() if k != "stg_blocks"},
}
SHAPE = {"height": 128, "width": 192, "num_frames": 49}
STG_DEPTH = 28 / 48  # the block that STG perturbs in LTX-2.3, of all its blocks
PROMPT, NEGATIVE = "a lighthouse in the fog", "blurry, quiet"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--peak", nargs=2, metavar=("SIDE", "CHECKPOINT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        side, checkpoint = arguments.peak
        print(peak_bytes(SIDES[side](Path(checkpoint), arguments.steps)))
        return
    size = f"{SHAPE['height']}x{SHAPE['width']}, {SHAPE['num_frames']} frames"
    print(f"{size}, {arguments.steps} steps, all guidance terms, {arguments.runs} paired runs")
    generations: tuple[Generation, ...] = ("2.0", "2.3")
    with tempfile.TemporaryDirectory() as scratch:
        for generation in generations:
            for name, dimensions in (("tiny", TINY), ("larger", LARGER)):
                path = Path(scratch) / f"{generation}-{name}"
                write_tiny_checkpoint(path, generation=generation, size=dimensions)
                report(f"{generation} {name}", path, arguments.runs, arguments.steps)


def report(name: str, path: Path, runs: int, steps: int) -> None:
    ours, theirs = longtake_side(path, steps), diffusers_side(path, steps)
    ours(), theirs()  # the first run of each pays for caches
    pairs = [(timed(ours), timed(theirs)) for _ in range(runs)]
    ratio = statistics.median(mine / other for (mine, _), (other, _) in pairs)
    medians = [statistics.median(pair[side][0] for pair in pairs) for side in (0, 1)]
    stages = {
        stage: statistics.median(mine[1].timings[stage] for mine, _ in pairs)
        for stage in pairs[0][0][1].timings
    }
    peaks = [peak_of(side, path, steps) / 2**20 for side in SIDES]
    print(f"\n{name}")
    print(f"  longtake {medians[0]:.3f} s, diffusers {medians[1]:.3f} s, ratio {ratio:.2f}")
    print("  " + ", ".join(f"{stage} {1000 * s:.0f} ms" for stage, s in stages.items()))
    print(f"  peak above loading: longtake {peaks[0]:.0f} MiB, diffusers {peaks[1]:.0f} MiB")


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


def stg_blocks(path: Path) -> list[int]:
    layers = json.loads((path / "transformer" / "config.json").read_text())["num_layers"]
    return [int(layers * STG_DEPTH)]


def longtake_side(path: Path, steps: int) -> Callable[[], lt.GenerationResult]:
    pipeline = lt.load(path, numerics="diffusers", dtype="float32", device="cpu")
    request = lt.GenerationRequest(
        PROMPT,
        negative_prompt=NEGATIVE,
        sampling=lt.Sampling(seed=1, num_inference_steps=steps, **SHAPE),
        stage_overrides={"denoise": {**GUIDANCE, "stg_blocks": stg_blocks(path)}},
    )
    return lambda: pipeline.generate(request)


def diffusers_side(path: Path, steps: int) -> Callable[[], Any]:
    import torch
    from diffusers import LTX2ConditionPipeline

    pipe = LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return lambda: pipe(
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        frame_rate=24.0,
        num_inference_steps=steps,
        spatio_temporal_guidance_blocks=stg_blocks(path),
        max_sequence_length=pipe.tokenizer.model_max_length,
        generator=torch.Generator("cpu").manual_seed(1),
        output_type="np",
        **SHAPE,
        **GUIDANCE,
    )


SIDES: dict[str, Callable[[Path, int], Callable[[], Any]]] = {
    "longtake": longtake_side,
    "diffusers": diffusers_side,
}


def peak_of(side: str, path: Path, steps: int) -> int:
    """Peak memory of one run in a process of its own, in bytes above what loading needed."""
    command = [sys.executable, __file__, "--steps", str(steps), "--peak", side, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def peak_bytes(run: Callable[[], Any]) -> int:
    """Peak resident memory of ``run`` above what is resident before it (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
