"""The real-size transformer with random weights on an accelerator, beside diffusers' own pipeline.

One distilled segment and one that goes on from it: seconds per step, peak memory and real-time
factor (seconds of take per second of work; above 1 is faster than it plays). Both sides use the
very same networks. The text encoder is a stand-in of two layers, so text is not what this
measures. Without an accelerator it says so and measures nothing.

    python benchmarks/real_size.py [--generation 2.0] [--height 512] [--width 768]
    python benchmarks/real_size.py --device cpu --size tiny      # tries the script itself
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import torch

import longtake as lt
from longtake_ltx2.denoising.schedule import DISTILLED_SIGMAS
from longtake_ltx2.numerics import NUMERICS
from longtake_ltx2.plugin import longtake_families
from longtake_ltx2.tiny import TINY, TinySize
from longtake_ltx2.tiny.networks import build_components

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Sides, Told, lone

PART = Part("real-size", "The real size on an accelerator", "diffusers' LTX2ConditionPipeline")

REAL = TinySize(
    layers=48,
    heads=32,
    video_head_dim=128,
    audio_head_dim=64,
    text_width=3840,
    text_length=1024,
    registers=128,
    video_latent_channels=128,
    vae_channels=256,
    audio_latent_channels=8,
    mel_bins=64,
    vocoder_channels=1024,
    bwe_channels=512,
    upsampler_channels=1024,
    diffusion_decoder_channels=256,
)
PROMPT = "a lighthouse in the fog"
OVERLAP = 9
STEPS = len(DISTILLED_SIGMAS) - 1


@attrs.frozen
class Measured:
    """One segment: seconds in all, of a step and of each stage, and peak memory in bytes."""

    seconds: float
    step: float
    peak: int
    stages: dict[str, float] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Bench:
    """The networks, what is made of them, and where."""

    networks: dict[str, Any]
    generation: str
    device: torch.device
    sampling: lt.Sampling

    def longtake(self) -> tuple[Measured, Measured]:
        """A first segment and the one after it."""
        pipeline = self._pipeline()
        output = lt.Output(last=False, return_state=True, overlap_frames=OVERLAP)
        request = lt.GenerationRequest(PROMPT, sampling=self.sampling, output=output)
        pipeline.generate(request)  # kernels are chosen and caches filled
        first, state = self._ours(pipeline, request)
        following = attrs.evolve(request, state=state)
        return first, self._ours(pipeline, following)[0]

    def _ours(
        self, pipeline: lt.Pipeline, request: lt.GenerationRequest
    ) -> tuple[Measured, lt.ContinuationState | None]:
        result, seconds, peak = self._measured(lambda: pipeline.generate(request))
        step = result.timings["denoise"] / STEPS
        return Measured(seconds, step, peak, dict(result.timings)), result.state

    def _pipeline(self) -> lt.Pipeline:
        parts = self.networks
        components = {
            "text_encoders": (parts["text_encoder"],),
            "tokenizers": (parts["tokenizer"],),
            "connectors": parts["connectors"],
            "transformer": parts["transformer"],
            "vae": parts["vae"],
            "audio_vae": parts["audio_vae"],
            "audio_decoder": parts["audio_vae"],
            "vocoder": parts["vocoder"],
            "numerics": NUMERICS["official"],
            "generation": self.generation,
        }
        (family,) = longtake_families()
        model = lt.LoadedModel(components, str(self.device))
        return lt.Pipeline(family, preset=family.preset("ltx2_distilled"), model=model)

    def diffusers(self) -> tuple[Measured, Measured]:
        """The same: a segment, and one conditioned on nine frames."""
        import numpy as np
        from diffusers import FlowMatchEulerDiscreteScheduler, LTX2ConditionPipeline
        from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

        names = (
            "text_encoder",
            "tokenizer",
            "connectors",
            "transformer",
            "vae",
            "audio_vae",
            "vocoder",
        )
        pipe = LTX2ConditionPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(),
            **{name: self.networks[name] for name in names},
        )
        pipe.set_progress_bar_config(disable=True)
        height, width = self.sampling.height, self.sampling.width
        assert height is not None and width is not None
        # What they show takes no time.
        frames = np.full((OVERLAP, height, width, 3), 128, np.uint8)

        def run(conditions: Any) -> Measured:
            ends: list[float] = []
            _, seconds, peak = self._measured(lambda: self._call(pipe, conditions, ends))
            return Measured(seconds, (ends[-1] - ends[0]) / (STEPS - 1), peak)

        self._call(pipe, None, [])
        return run(None), run([LTX2VideoCondition(frames, 0, 1.0)])

    def _call(self, pipe: Any, conditions: Any, ends: list[float]) -> Any:
        """Run it; ``ends`` gets the time at the end of each step."""

        def note(pipe: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            self._wait()
            ends.append(time.perf_counter())
            return values

        return pipe(
            prompt=PROMPT,
            conditions=conditions,
            height=self.sampling.height,
            width=self.sampling.width,
            num_frames=self.sampling.num_frames,
            frame_rate=24.0,
            sigmas=list(DISTILLED_SIGMAS[:-1]),
            guidance_scale=1.0,
            use_cross_timestep=self.generation != "2.0",
            max_sequence_length=pipe.tokenizer.model_max_length,
            generator=torch.Generator("cpu").manual_seed(1),
            output_type="np",
            callback_on_step_end=note,
        )

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def _measured(self, run: Callable[[], Any]) -> tuple[Any, float, int]:
        on_gpu = self.device.type == "cuda"
        self._wait()
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        result = run()
        self._wait()
        seconds = time.perf_counter() - started
        return result, seconds, torch.cuda.max_memory_allocated() if on_gpu else 0


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--generation", choices=["2.0", "2.3"], default="2.0")
    parser.add_argument("--size", choices=["real", "tiny"], default="real")
    parser.add_argument("--device", help="an accelerator if there is one")
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--num-frames", type=int, default=121)
    arguments = parser.parse_args()
    device = arguments.device or ("cuda" if torch.cuda.is_available() else None)
    PART.tell(figures(arguments, device), arguments.json)


def figures(arguments: Any, device: str | None) -> Iterator[Told]:
    """Of the first segment and the one that goes on from it."""
    if device is None:
        yield "Not measured: there is no accelerator here, and real size on a CPU takes hours."
        return
    if arguments.size == "tiny":
        arguments.height, arguments.width, arguments.num_frames = 64, 96, 25
    bench = Bench(
        random_networks(arguments.generation, REAL if arguments.size == "real" else TINY, device),
        arguments.generation,
        torch.device(device),
        lt.Sampling(
            seed=1,
            height=arguments.height,
            width=arguments.width,
            num_frames=arguments.num_frames,
            fps=24,
        ),
    )
    yield from report(bench)


def random_networks(generation: Any, size: TinySize, device: str) -> dict[str, Any]:
    """Made where they are used, in bf16 on an accelerator, as they are published."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if device != "cpu" else default)
    try:
        with torch.device(device), torch.no_grad():
            networks = build_components(generation, size)
    finally:
        torch.set_default_dtype(default)
    for network in networks.values():
        if isinstance(network, torch.nn.Module):
            network.to(device).eval().requires_grad_(False)
    return networks


def report(bench: Bench) -> Iterator[Told]:
    name = torch.cuda.get_device_name() if bench.device.type == "cuda" else "CPU"
    parameters = sum(weight.numel() for weight in bench.networks["transformer"].parameters())
    sampling = bench.sampling
    assert sampling.num_frames is not None
    yield (
        f"{name}: LTX-{bench.generation} transformer of {parameters / 1e9:.2f} billion random "
        f"weights, {sampling.height}x{sampling.width}, {sampling.num_frames} frames, {STEPS} steps"
    )
    sides = {"longtake": bench.longtake(), "diffusers": bench.diffusers()}
    for index, segment in enumerate(("first segment", "continuation")):
        new_frames = sampling.num_frames - (OVERLAP if index else 0)
        for side, measured in sides.items():
            yield f"{segment}, {side}: {line(measured[index], new_frames / 24)}"
        ours, theirs = (measured[index].seconds for measured in sides.values())
        seconds = Sides(ours, theirs, "s")
        yield lone(segment, "seconds, diffusers / Longtake", theirs / ours, "times", sides=seconds)


def line(measured: Measured, seconds_of_take: float) -> str:
    parts = [
        f"{measured.seconds:.2f} s",
        f"real-time factor {seconds_of_take / measured.seconds:.2f}",
        f"{measured.step:.3f} s per step",
    ]
    if measured.peak:
        parts.append(f"peak {measured.peak / 2**30:.1f} GiB")
    parts += [f"{stage} {seconds:.2f} s" for stage, seconds in measured.stages.items()]
    return ", ".join(parts)


if __name__ == "__main__":
    main()
