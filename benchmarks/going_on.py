"""What going on in the same process adds to a segment, beside a plain run of the same tokens.

    python benchmarks/going_on.py [--runs 9] [--steps 4]

One side rolls the second segment of a take from the live state of the first, the other a take's
first segment of as many frames, at the frame rate at which it has as many audio latents: so the
transformer sees the same tokens. The two run in turns, on random weights. The networks' seconds are
taken out of each run, for what they compute is the segment's own: the VAE encodes the frames that
are repeated, the transformer embeds a time for each token instead of one for all, as some are
clean, and the sound is decoded behind carried latents. What is left is Longtake's: restoring,
wiring, noise, masks, cutting and remembering.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.clock import SegmentClock, first_segment, next_segment
from longtake_ltx2.tiny import TINY, Generation, write_tiny_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Figure, Pairs, Part, Told, at_most, cost, paired, spread

PART = Part("going-on", "Going on in one process", "a plain run of as many tokens")

FRAMES, OVERLAP, FPS = 49, 9, Fraction(24)
SIZE: dict[str, Any] = {"height": 128, "width": 192}
LAST_LAYERS = ("norm_out", "conv_act", "conv_out")
"""Of the decoder, which are run in slices of frames, outside of its ``decode``."""
NETWORKS = {
    "transformer": ["transformer.forward"],
    "VAE's encoder": ["vae.encode"],
    "VAE's decoder": ["vae.decode", *(f"vae.decoder.{each}.forward" for each in LAST_LAYERS)],
    "audio decoder": ["audio_vae.decode"],
    "vocoder": ["vocoder.forward"],
}
"""What computes: the methods that are timed, from the component on."""

Run = Callable[[], lt.GenerationResult]


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--steps", type=int, default=4)
    asked = parser.parse_args()
    PART.tell(figures(asked.runs, asked.steps), asked.json)


def figures(runs: int, steps: int) -> Iterator[Told]:
    """Of each generation, what going on adds, and each network's seconds beside it."""
    yield f"{SIZE['height']}x{SIZE['width']}, {FRAMES} frames, {steps} steps, tiny random weights."
    generations: tuple[Generation, ...] = ("2.0", "2.3", "2.5")
    with tempfile.TemporaryDirectory() as scratch:
        for generation in generations:
            path = Path(scratch) / generation
            write_tiny_checkpoint(path, generation=generation, size=TINY)
            with lt.load(path, dtype="float32", device="cpu") as pipeline:
                pipeline.prepare()
                yield from compared(generation, pipeline, runs, steps)


def compared(generation: str, pipeline: lt.Pipeline, runs: int, steps: int) -> list[Figure]:
    """The two sides in turns."""
    clock = watched(pipeline)
    plain, going_on = sides(pipeline, steps)
    mine, others = list[Timed](), list[Timed]()
    paired(
        lambda: mine.append(clock.run(going_on)),
        lambda: others.append(clock.run(plain)),
        pairs=runs,
    )
    both = list(zip(mine[1:], others[1:], strict=True))  # the first run of each pays for caches
    added = [100 * (ours.own - other.own) / other.total for ours, other in both]
    what = "seconds outside networks, going on - plain, of a plain run"
    found = [spread(f"{generation}, added by going on", what, added, "%", at_most(1))]
    for name in NETWORKS:
        times = [(ours.of(name), other.of(name)) for ours, other in both]
        named = f"{generation}, {name}"
        if all(plain for _, plain in times):
            found.append(cost(named, "going on / plain", Pairs(times)))
        else:  # a plain run encodes nothing, so there is no ratio
            took = [1e3 * ours for ours, _ in times]
            found.append(spread(named, "going on alone: a plain run has none of it", took, "ms"))
    return found


def sides(pipeline: lt.Pipeline, steps: int) -> tuple[Run, Run]:
    """A plain run, and one that goes on, of as many video frames and audio latents."""

    def asked(fps: Fraction | None, **output: Any) -> lt.GenerationRequest:
        sampling = lt.Sampling(
            seed=1, num_inference_steps=steps, num_frames=FRAMES, fps=fps, **SIZE
        )
        said = lt.Output(overlap_frames=OVERLAP, **output)
        return lt.GenerationRequest("a lighthouse in the fog", sampling=sampling, output=said)

    grows = {"last": False, "return_state": True}
    first = pipeline.generate(asked(FPS, **grows), defer_state=True)
    second = next_segment(first_segment(FRAMES, FPS).after(0), FRAMES, OVERLAP)
    slower = fps_of(second)

    def plain() -> lt.GenerationResult:
        return pipeline.generate(asked(slower))

    def going_on() -> lt.GenerationResult:
        return pipeline.generate(asked(None, **grows), after=first.live_state, defer_state=True)

    return plain, going_on


def fps_of(segment: SegmentClock) -> Fraction:
    """At which a first segment of as many frames has as many audio latents."""
    rates = (FPS - Fraction(step, 10) for step in range(230))
    return next(
        fps for fps in rates if first_segment(FRAMES, fps).num_latents == segment.num_latents
    )


class Clock:
    """Adds up the seconds that each network takes."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._computing = False

    def watch(self, name: str, network: Any, method: str) -> None:
        """From now on, whoever calls the method of ``network`` is timed; once, where it nests."""
        computes = getattr(network, method)

        def timed(*given: Any, **named: Any) -> Any:
            if self._computing:
                return computes(*given, **named)
            self._computing, start = True, time.perf_counter()
            try:
                return computes(*given, **named)
            finally:
                self._computing = False
                self.seconds[name] += time.perf_counter() - start  # type: ignore[assignment]

        setattr(network, method, timed)

    def watch_networks(self, components: Mapping[str, Any]) -> None:
        """All of `NETWORKS`, of a pipeline's components by their names."""
        for name, methods in NETWORKS.items():
            for path in methods:
                component, *inside, method = path.split(".")
                network = components[component].get_submodule(".".join(inside))
                self.watch(name, network, method)

    def run(self, what: Callable[[], object]) -> Timed:
        self.seconds.clear()
        start = time.perf_counter()
        what()
        return Timed(time.perf_counter() - start, Counter(self.seconds))


class Timed:
    """A run: ``total`` seconds, those of the networks, and the others, Longtake's own."""

    def __init__(self, total: float, seconds: Counter[str]) -> None:
        self.total, self.seconds = total, seconds
        self.own = total - sum(seconds.values())

    def of(self, network: str) -> float:
        """Its seconds, none where it did not run."""
        return float(self.seconds[network])


def watched(pipeline: lt.Pipeline) -> Clock:
    clock = Clock()
    with pipeline.components() as components:
        clock.watch_networks(components)
    return clock


if __name__ == "__main__":
    main()
