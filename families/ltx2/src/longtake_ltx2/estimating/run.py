"""From a request for an estimate to the whole take: its networks, its segments, its peaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import evolve, frozen

import longtake as lt
from longtake_ltx2.checkpoints.layout import layout_of
from longtake_ltx2.clock import (
    DECODE_CONTEXT_LATENTS,
    SegmentClock,
    TakeClock,
    first_segment,
    next_segment,
)
from longtake_ltx2.estimating.networks import Networks, Precision
from longtake_ltx2.estimating.scene import Scene
from longtake_ltx2.generation import generation_of
from longtake_ltx2.loading.asked import checkpoint_path
from longtake_ltx2.loading.floats import dtype_name
from longtake_ltx2.loading.placement import usable_device
from longtake_ltx2.lora.references import scales_of_loras
from longtake_ltx2.numerics import NUMERICS
from longtake_ltx2.pipeline_configs import PRECISIONS, LTX2T2VConfig
from longtake_ltx2.values import Geometry

__all__ = ["estimate"]

_OFFLOADED = {
    "none": "",
    "component": ", networks offloaded when not needed",
    "block": ", networks offloaded when not needed, transformer and text encoder block by block",
}


def estimate(request: lt.EstimateRequest) -> lt.RunEstimate:
    """What a take of ``request.segments`` segments takes, each with a prompt of its own.

    Only the configurations of the checkpoint are read. Raises `longtake.ValidationError` for what
    the stages would refuse, `longtake.CheckpointError` for a configuration that is missing.
    """
    device = usable_device(None) if request.device is None else request.device
    config = (request.options or LTX2T2VConfig()).with_file()
    config = config.with_dtype(dtype_name(request.dtype), device)
    path = checkpoint_path(request.path, config)
    take = _Take(request, config, _networks(path, config))
    segments = [take.estimated(scene) for scene in take.scenes()]
    return lt.RunEstimate(
        segments,
        take.weight_bytes(segments[0].stages),
        _notes(request, config, take.networks, device),
    )


@frozen
class _Take:
    request: lt.EstimateRequest
    config: LTX2T2VConfig
    networks: Networks

    def scenes(self) -> Iterator[Scene]:
        """Every segment as it begins, each going on from the one before."""
        scene = self._scene(first_segment(self._frames, self.request.job.sampling.fps), 0)
        for index in range(self.request.segments):
            if index:
                scene = self._next(scene, index)
            yield scene

    def estimated(self, scene: Scene) -> lt.SegmentEstimate:
        """All stages of one segment, with what is in memory while each runs."""
        stages: list[lt.StageEstimate] = []
        for spec in self.request.recipe:
            stages.append(lt.estimate_stage(spec, scene))
            scene = scene.after(spec)
        held, resident = 0, _weight_bytes(stages)
        for index, whole in enumerate(stages):
            found = self._streamed(whole)
            held += found.value_bytes
            weights = resident if self.config.offload == "none" else found.weight_bytes
            peak = weights + held + found.activation_bytes
            stages[index] = evolve(found, peak_bytes=peak)
        clock = scene.geometry.clock
        return lt.SegmentEstimate(stages, clock.num_frames - clock.repeated_frames)

    def _streamed(self, stage: lt.StageEstimate) -> lt.StageEstimate:
        """With the weights that are on the device at once."""
        if self.config.offload != "block":
            return stage
        weights = {name: self.networks.streamed_bytes(name) for name in stage.weights}
        others = stage.weight_bytes - sum(stage.weights.values())
        return evolve(stage, weights=weights, weight_bytes=sum(weights.values()) + others)

    def weight_bytes(self, stages: Sequence[lt.StageEstimate]) -> int:
        """Of all networks that these stages run, wherever they are."""
        streamed = {name for stage in stages for name in stage.weights}
        away = sum(
            self.networks.weight_bytes(name) - self.networks.streamed_bytes(name)
            for name in streamed
        )
        return _weight_bytes(stages) + (away if self.config.offload == "block" else 0)

    @property
    def _frames(self) -> int:
        return self.request.job.sampling.num_frames

    def _scene(self, clock: SegmentClock, index: int) -> Scene:
        job, last = self.request.job, index == self.request.segments - 1
        sampling = job.sampling
        inputs = lt.Inputs() if index else job.inputs  # they condition the first segment
        job = evolve(job, inputs=inputs)
        scene = Scene(
            networks=self.networks,
            decoded=lt.DecodedInputs(inputs),
            numerics=NUMERICS[self.config.numerics],
            stage_options=self.request.stage_options,
            job=evolve(job, segment_index=index, output=evolve(job.output, last=last)),
            geometry=Geometry(sampling.height, sampling.width, clock),
            is_dubbed=any(spec.arguments.get("dubs") for spec in self.request.recipe),
        )
        if not (inputs.references or scene.paints):
            return scene
        scales = scales_of_loras(self.config.lora_path, self.config.loras)
        return evolve(scene, reference_scales=scales)

    def _next(self, before: Scene, index: int) -> Scene:
        stop = before.new_samples_end
        taken: TakeClock = before.geometry.clock.after(stop)
        clock = next_segment(taken, self._frames, before.trailing_frames)
        wanted = max(clock.context_latents, DECODE_CONTEXT_LATENTS)
        carried = min(wanted, taken.latents) if before.job.output.audio else 0
        scene = self._scene(clock, index)
        return evolve(scene, carried_latents=carried, samples_before=stop)


def _weight_bytes(stages: Sequence[lt.StageEstimate]) -> int:
    """Of all networks that these stages run; one that several run counts once."""
    named: dict[str, int] = {}
    others = 0
    for stage in stages:
        named.update(stage.weights)
        others += stage.weight_bytes - sum(stage.weights.values())
    return sum(named.values()) + others


def _networks(path: Path, config: LTX2T2VConfig) -> Networks:
    layout = layout_of(path, config.places)
    precisions = {
        "text_encoder": config.text_encoder_precisions[0],
        "prompt_enhancer": config.text_encoder_precisions[0],
        "connectors": config.text_encoder_precisions[0],
        "transformer": config.dit_precision,
        "vae": config.vae_precision,
        "diffusion_decoder": config.vae_precision,
        "upsampler": config.upsampler_precision,
        "audio_vae": config.audio_decoder_precision,
        "vocoder": config.vocoder_precision,
    }
    chosen = {name: Precision(PRECISIONS[precision]) for name, precision in precisions.items()}
    return Networks(layout, chosen, fp8_cast=config.fp8_cast)


def _notes(
    request: lt.EstimateRequest, config: LTX2T2VConfig, networks: Networks, device: str
) -> tuple[str, ...]:
    generation = generation_of(networks.config("transformer"))
    offloaded = _OFFLOADED[config.offload]
    notes = [
        f"LTX-{generation} on {device}, transformer in {networks.precisions['transformer'].name}"
        f"{', its large matrices kept in fp8' if config.fp8_cast else ''}{offloaded}",
        "every segment has a prompt of its own; attention keeps no matrix of scores; of the text "
        "encoder the text part counts",
    ]
    if config.vae_tiling:
        notes.append("VAE tiling is not counted: with it, decoding the picture takes less memory")
    if request.job.inputs and request.segments > 1:
        notes.append("the inputs condition the first segment")
    return tuple(notes)
