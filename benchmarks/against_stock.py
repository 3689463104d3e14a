"""A segment that goes on, beside diffusers' own pipeline: state in; frames, sound and state out.

    python benchmarks/against_stock.py [--pairs 7] [--work table long] [--carried frames take]

The same random weights, in fp32, size, steps, guidance and numerics, in turns in one process; each
generation and guidance in a process of its own.
diffusers' ``LTX2ConditionPipeline`` is conditioned on the last frames of the segment before, and
encodes the prompt each time, as it does for whoever calls it; Longtake reads the document of a
state, keeps the prompt's text of the run before, and writes the next state. Of what Longtake makes
there are two kinds:

- ``take``: the state of a take, with its sound, which is the real work. diffusers' pipeline can
  carry no sound: Longtake also denoises beside 51 known audio latents and decodes what joins.
- ``frames``: the state carries nothing but these frames, so both sides denoise the same tokens.
  The latents of such a run are compared in any case.

``table`` is a segment of a take, in a few steps, on the larger random checkpoint. In ``long`` the
transformer takes most of the time: it is that checkpoint's, twice as deep, beside the tiny one's
decoders; both sides do the same work there, unless ``--carried take`` asks for more of Longtake.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, Literal, get_args

import numpy as np
import torch
from attrs import evolve, field, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.loading.weights import align
from longtake_ltx2.noise import noise_generator
from longtake_ltx2.tiny import LARGER, Generation, TinySize, write_tiny_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.going_on import Clock
from benchmarks.harness import (
    Goal,
    Pairs,
    Part,
    Told,
    alone,
    at_least,
    at_most,
    gain,
    lone,
    paired,
)
from benchmarks.segment import GUIDANCE, NEGATIVE, PROMPT, Asked, stg_blocks, stock_options

PART = Part("against-stock", "A segment that goes on", "diffusers' LTX2ConditionPipeline")

Carried = Literal["frames", "take"]
Work = Literal["table", "long"]

DEEP = evolve(LARGER, layers=16, vae_channels=8, vocoder_channels=64, bwe_channels=32)
"""The larger checkpoint's transformer, twice as deep, with the tiny one's decoders."""


@frozen
class Setting:
    """What is asked of a checkpoint of this size: one case for each guidance.

    ``carried``: what Longtake carries unless it is asked for.
    """

    size: TinySize
    asked: tuple[Asked, ...]
    carried: Carried


MODES = {"none": "distilled", "all": "four passes"}
"""A pass a step, as distilled checkpoints are used, and all four."""
SHAPE = (256, 384, 49)
WORKS: dict[Work, Setting] = {
    "table": Setting(LARGER, (Asked("none", 6, *SHAPE), Asked("all", 6, *SHAPE)), "take"),
    "long": Setting(DEEP, (Asked("none", 48, *SHAPE), Asked("all", 16, *SHAPE)), "frames"),
}
GOALS: dict[tuple[Generation, str], float] = {
    ("2.0", "none"): 1.25,
    ("2.3", "none"): 1.15,
    ("2.0", "all"): 1.55,
    ("2.3", "all"): 1.40,
    ("2.5", "all"): 1.40,
}
"""Of the long work on the same tokens, diffusers / Longtake; all others have the least."""
LEAST = 1.05
SHARE = 80.0
TOLERANCES = {"video": 2e-6, "audio": 5e-6}
OVERLAP = 9
COMPARED = "wall time, state in, frames, sound and state out, diffusers / Longtake"
CARRIED: dict[Carried, str] = {
    "frames": "the same tokens",
    "take": "Longtake carries the sound of a take as well",
}


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--generations", nargs="+", choices=get_args(Generation))
    parser.add_argument("--guidance", nargs="+", choices=MODES, default=[*MODES])
    parser.add_argument("--work", nargs="+", choices=WORKS, default=[*WORKS])
    parser.add_argument("--carried", nargs="+", choices=CARRIED)
    parser.set_defaults(generations=get_args(Generation))
    asked = parser.parse_args()
    works = {name: WORKS[name] for name in asked.work}
    told = figures(asked.generations, works, asked.guidance, asked.carried, asked.pairs)
    PART.tell(told, asked.json)


def figures(
    generations: list[Generation],
    works: Mapping[Work, Setting],
    guidance: list[str],
    carried: list[Carried] | None,
    pairs: int,
) -> Iterator[Told]:
    """Of each work, generation, guidance, and what is carried (None: what the work says)."""
    yield f"Random weights, fp32, CPU, {torch.get_num_threads()} threads."
    with tempfile.TemporaryDirectory() as scratch:
        for generation, (name, work) in product(generations, works.items()):
            path = Path(scratch) / f"{generation}-{name}"
            write_tiny_checkpoint(path, generation=generation, size=work.size)
            yield f"{name}: a transformer of {work.size.layers} layers"
            cases = (asked for asked in work.asked if asked.guidance in guidance)
            for asked, what in product(cases, carried or [work.carried]):
                yield from alone(compared, path, Case(generation, name, asked, what), pairs)


@frozen
class Case:
    """What one comparison is of."""

    generation: Generation
    name: Work
    work: Asked
    carried: Carried

    def __str__(self) -> str:
        mode = MODES[self.work.guidance]
        return f"{self.name}, {self.generation}, {mode}, {self.carried}"

    @property
    def goal(self) -> Goal:
        has_own = self.name == "long" and self.carried == "frames"
        known = GOALS if has_own else {}
        return at_least(known.get((self.generation, self.work.guidance), LEAST))


def compared(path: Path, case: Case, pairs: int) -> Iterator[Told]:
    """The ratio of whole segments, that of CPU seconds, the transformer's share, the latents."""
    ours, other = sides(path, case)
    wall = paired(ours.run, other.run, pairs=pairs)
    cpu = Pairs([*zip(ours.cpu[-pairs:], other.cpu[-pairs:], strict=True)])
    yield gain(str(case), f"{COMPARED}; {CARRIED[case.carried]}; {case.work}", wall, case.goal)
    yield gain(f"{case}, CPU", "the same, CPU seconds", cpu)
    share = 100 * median(other.shares)
    goal = at_least(SHARE) if case.name == "long" else None
    yield lone(f"{case}, transformer", "its share of diffusers' time", share, "%", goal)
    yield f"{case}: diffusers {other}; Longtake {ours}; load {os.getloadavg()[0]:.1f}"
    if case.carried != "frames":
        ours, other = sides(path, evolve(case, carried="frames"))
        ours.run()
        other.run()
    for stream, tolerance in TOLERANCES.items():
        what = "largest difference of latents of the same tokens / their largest value"
        error = 1e6 * relative_error(other.latents[stream], ours.latents[stream])
        yield lone(f"{case}, {stream}", what, error, "1e-6", at_most(1e6 * tolerance))


def sides(path: Path, case: Case) -> tuple[Side, Side]:
    """Longtake's and diffusers'."""
    ours, before = longtake_side(path, case)
    return ours, diffusers_side(path, case, before)


@frozen(eq=False)
class Side:
    """One side: of each run its CPU seconds and what its networks took, and of the last, latents.

    ``latents`` are those that the VAEs decode, of the picture and of the sound.
    """

    segment: Callable[[], object]
    networks: Mapping[str, Any]
    cpu: list[float] = field(factory=list)
    shares: list[float] = field(factory=list)
    seconds: dict[str, list[float]] = field(factory=dict)
    latents: dict[str, torch.Tensor] = field(factory=dict)
    clock: Clock = field(factory=Clock)

    def __attrs_post_init__(self) -> None:
        self.clock.watch_networks(self.networks)
        for stream, component in (("video", "vae"), ("audio", "audio_vae")):
            self._keep(stream, self.networks[component])

    def run(self) -> None:
        """A segment."""
        began = time.process_time()
        timed = self.clock.run(self.segment)
        self.cpu.append(time.process_time() - began)
        self.shares.append(timed.seconds["transformer"] / timed.total)
        for name, taken in [*timed.seconds.items(), ("else", timed.own)]:
            self.seconds.setdefault(name, []).append(taken)

    def __str__(self) -> str:
        return ", ".join(f"{name} {1e3 * median(of):.0f} ms" for name, of in self.seconds.items())

    def _keep(self, stream: str, vae: Any) -> None:
        decode = vae.decode

        def kept(latents: torch.Tensor, *given: Any, **named: Any) -> Any:
            self.latents[stream] = latents
            return decode(latents, *given, **named)

        vae.decode = kept


@frozen
class Before:
    """What both sides go on from: the last frames before, and the seed of the segment."""

    frames: NDArray[np.uint8]
    seed: int


def longtake_side(path: Path, case: Case) -> tuple[Side, Before]:
    """A segment after the first of a take."""
    work = case.work
    pipeline = lt.load(path, numerics="diffusers", dtype="float32", device="cpu")
    sampling = lt.Sampling(seed=1, num_inference_steps=work.steps, **work.shape)
    grows = lt.Output(last=False, return_state=True, overlap_frames=OVERLAP)
    guidance = {**GUIDANCE[work.guidance], "stg_blocks": stg_blocks(path)}
    first = lt.GenerationRequest(
        PROMPT,
        negative_prompt=NEGATIVE,
        sampling=evolve(sampling, num_inference_steps=2),
        output=grows,
        stage_overrides={"denoise": guidance},
    )
    document = pipeline.generate(first).state
    assert document is not None
    codec = pipeline.family.codecs[0]
    state = codec.decode(document)
    if case.carried == "frames":
        state = LTX2ContinuationState(state.segment_index, state.video_frames)
        document = codec.encode(state)
    request = evolve(first, sampling=sampling, state=document)
    before = Before(np.stack(list(state.video_frames)), pipeline.check(request).job.segment_seed)
    with pipeline.components() as components:
        return Side(lambda: pipeline.generate(request), dict(components)), before


def diffusers_side(path: Path, case: Case, before: Before) -> Side:
    """The stock pipeline, conditioned on the frames."""
    from diffusers import LTX2ConditionPipeline
    from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

    work, pipe = case.work, LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    for name in ("transformer", "vae", "audio_vae", "vocoder", "connectors", "text_encoder"):
        align(getattr(pipe, name))  # as Longtake's are: others would round otherwise
    options = stock_options(pipe, path, work)
    return Side(
        lambda: pipe(
            conditions=[LTX2VideoCondition(before.frames, 0, 1.0, 0)],
            generator=noise_generator(before.seed),
            **options,
        ),
        pipe.components,
    )


def relative_error(expected: torch.Tensor, actual: torch.Tensor) -> float:
    """Of the last latents, as many as both have: Longtake decodes no more than it needs."""
    tail = expected[:, :, -actual.shape[2] :]
    return float((tail - actual).abs().max() / expected.abs().max())


if __name__ == "__main__":
    main()
