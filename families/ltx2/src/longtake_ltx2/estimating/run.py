"""From a request for an estimate to the whole take: its networks, its segments, its peaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

from attrs import evolve, frozen

import longtake as lt
from longtake_ltx2.checkpoints.folder import find_upsampler
from longtake_ltx2.clock import (
    DECODE_CONTEXT_LATENTS,
    SegmentClock,
    TakeClock,
    first_segment,
    next_segment,
)
from longtake_ltx2.estimating.networks import Networks, Precision
from longtake_ltx2.estimating.scene import DENOISING, Scene, kind_of
from longtake_ltx2.estimating.stages import estimate_stage, networks_of
from longtake_ltx2.generation import generation_of
from longtake_ltx2.loading.asked import checkpoint_path, upsampler_folder
from longtake_ltx2.loading.floats import dtype_name
from longtake_ltx2.loading.placement import usable_device
from longtake_ltx2.loading.single_file import single_file_config
from longtake_ltx2.numerics import NUMERICS
from longtake_ltx2.pipeline_configs import PRECISIONS, LTX2T2VConfig
from longtake_ltx2.stages.decoding import DecodingStage
from longtake_ltx2.stages.denoising import LTX2DenoisingStage
from longtake_ltx2.stages.refine_init import LTX2RefineInitStage
from longtake_ltx2.stages.validation import InputValidationStage
from longtake_ltx2.values import Geometry

__all__ = ["estimate"]

_DOUBLING = "LTX2UpsampleStage"
_SCALE = 2


def estimate(request: lt.EstimateRequest) -> lt.RunEstimate:
    """What a take of ``request.segments`` segments takes, each with a prompt of its own.

    Only the configurations of the checkpoint are read. Raises `longtake.ValidationError` for what
    the stages would refuse, `longtake.CheckpointError` for a configuration that is missing.
    """
    device = usable_device(None) if request.device is None else request.device
    config = (request.options or LTX2T2VConfig()).with_file()
    config = config.with_dtype(dtype_name(request.dtype), device)
    path = checkpoint_path(request.path, config)
    take = _Take(request, config, _networks(path, request.recipe, config))
    take.check()
    return lt.RunEstimate(
        [take.estimated(scene) for scene in take.scenes()],
        take.weight_bytes,
        _notes(request, config, take.networks, device),
    )


@frozen
class _Take:
    request: lt.EstimateRequest
    config: LTX2T2VConfig
    networks: Networks

    @property
    def weight_bytes(self) -> int:
        """Of all networks that the recipe runs."""
        names = {name for spec in self.request.recipe for name in networks_of(spec)}
        return sum(self.networks.weight_bytes(name) for name in sorted(names))

    def check(self) -> None:
        """Refuse what the stages refuse that can tell without weights."""
        job, transformer = self.request.job, SimpleNamespace(config=self.networks.transformer)
        segment = first_segment(self._frames, job.sampling.fps)
        InputValidationStage().check(job, segment, lt.DecodedInputs(job.inputs), None)
        for spec in self.request.recipe:
            if kind_of(spec) == LTX2RefineInitStage.__name__:
                LTX2RefineInitStage().check(job)
            if kind_of(spec) == DENOISING:
                stage = LTX2DenoisingStage(
                    transformer, numerics=NUMERICS[self.config.numerics], **spec.arguments
                )
                stage.check(job, self.request.stage_options.get(spec.name))
            if kind_of(spec) == DecodingStage.__name__:
                DecodingStage(self.networks.built("vae")).check(job)

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
        held = 0
        for spec in self.request.recipe:
            scene = _resized(scene, kind_of(spec))
            found = estimate_stage(spec, scene)
            resident = found.weight_bytes
            if self.config.offload == "none":
                resident = self.weight_bytes
            held += found.value_bytes
            stages.append(evolve(found, peak_bytes=resident + held + found.activation_bytes))
        clock = scene.geometry.clock
        return lt.SegmentEstimate(stages, clock.num_frames - clock.repeated_frames)

    @property
    def _frames(self) -> int:
        return self.request.job.sampling.num_frames

    def _scene(self, clock: SegmentClock, index: int) -> Scene:
        job, last = self.request.job, index == self.request.segments - 1
        sampling = job.sampling
        return Scene(
            networks=self.networks,
            numerics=NUMERICS[self.config.numerics],
            recipe=self.request.recipe,
            stage_options=self.request.stage_options,
            job=evolve(job, segment_index=index, output=evolve(job.output, last=last)),
            geometry=Geometry(sampling.height, sampling.width, clock),
        )

    def _next(self, before: Scene, index: int) -> Scene:
        stop = before.new_samples_end
        taken: TakeClock = before.geometry.clock.after(stop)
        clock = next_segment(taken, self._frames, before.trailing_frames)
        wanted = max(clock.context_latents, DECODE_CONTEXT_LATENTS)
        carried = min(wanted, taken.latents) if before.job.output.audio else 0
        scene = self._scene(clock, index)
        return evolve(scene, carried_latents=carried, samples_before=stop)


def _resized(scene: Scene, kind: str) -> Scene:
    """The size that a stage of this kind, and those after it, work at."""
    geometry = scene.geometry
    height, width = geometry.height, geometry.width
    if kind == LTX2RefineInitStage.__name__:
        height, width = height // _SCALE, width // _SCALE
    elif kind == _DOUBLING:
        height, width = height * _SCALE, width * _SCALE
    return evolve(scene, geometry=evolve(geometry, height=height, width=width))


def _networks(path: Path, recipe: tuple[lt.StageSpec, ...], config: LTX2T2VConfig) -> Networks:
    names = ("text_encoder", "tokenizer", "connectors", "transformer", "vae", "audio_vae")
    folders = {name: path / name for name in (*names, "vocoder")}
    configs = {}
    if config.transformer_path is not None:
        given = Path(config.transformer_path)
        if given.is_file():
            configs["transformer"] = single_file_config(given, folders["transformer"])
        else:
            folders["transformer"] = given
    if any(kind_of(spec) == _DOUBLING for spec in recipe):
        folders["upsampler"] = _upsampler(path, config)
    precisions = {
        "text_encoder": config.text_encoder_precisions[0],
        "connectors": config.text_encoder_precisions[0],
        "transformer": config.dit_precision,
        "vae": config.vae_precision,
        "upsampler": config.upsampler_precision,
        "audio_vae": config.audio_decoder_precision,
        "vocoder": config.vocoder_precision,
    }
    chosen = {name: Precision(PRECISIONS[precision]) for name, precision in precisions.items()}
    return Networks(folders, chosen, configs)


def _upsampler(path: Path, config: LTX2T2VConfig) -> Path:
    if config.upsampler_weights is not None:
        return upsampler_folder(Path(config.upsampler_weights))
    found = find_upsampler(path)
    if found is None:
        raise lt.CheckpointError(
            str(path), "has no latent upsampler; give one with upsampler_weights"
        )
    return found


def _notes(
    request: lt.EstimateRequest, config: LTX2T2VConfig, networks: Networks, device: str
) -> tuple[str, ...]:
    generation = generation_of(networks.config("transformer"))
    offloaded = "" if config.offload == "none" else ", networks offloaded when not needed"
    notes = [
        f"LTX-{generation} on {device}, transformer in {networks.precisions['transformer'].name}"
        f"{offloaded}",
        "every segment has a prompt of its own; attention keeps no matrix of scores; of the text "
        "encoder the text part counts",
    ]
    if config.vae_tiling:
        notes.append("VAE tiling is not counted: with it, decoding the picture takes less memory")
    if request.job.inputs != lt.Inputs():
        notes.append("what the inputs add is not counted")
    return tuple(notes)
