"""What each stage of LTX-2 makes and takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from attrs import evolve

import longtake as lt
from longtake_ltx2.clock import DECODE_CONTEXT_LATENTS
from longtake_ltx2.estimating.denoising import loop_bytes, loop_passes
from longtake_ltx2.estimating.scene import DENOISING, Scene, kind_of

__all__ = ["estimate_stage", "networks_of"]

_TEXT = "LTX2TextEncodingStage"
_PREPARATION = "LTX2LatentPreparationStage"
_UPSAMPLING = "LTX2UpsampleStage"
_SOUND = "LTX2AudioDecodingStage"
_PICTURE = "DecodingStage"
_REMEMBERING = "LTX2RememberingStage"

_NETWORKS = {
    _TEXT: ("text_encoder", "connectors"),
    _PREPARATION: ("vae",),
    DENOISING: ("transformer",),
    _UPSAMPLING: ("upsampler", "vae"),
    _SOUND: ("audio_vae", "vocoder"),
    _PICTURE: ("vae",),
}
_NOTES = {
    "InputValidationStage": "",
    "LTX2RefineInitStage": "",
    "LTX2RefineLoRAStage": "a LoRA is not counted",
}
"""Stages that run no network, and what of them is left out."""
_BYTES = {"uint8": 1, "float32": 4, "int64": 8, "float64": 8, "bfloat16": 2, "float16": 2}
_COLORS = 3


def networks_of(spec: lt.StageSpec) -> tuple[str, ...]:
    """The components that a stage runs."""
    return _NETWORKS.get(kind_of(spec), ())


def estimate_stage(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
    """What this stage makes and takes; ``peak_bytes`` is left to who knows all stages."""
    kind = kind_of(spec)
    if kind in _ESTIMATES:
        found = _ESTIMATES[kind](spec, scene)
    else:
        note = _NOTES.get(kind, "not estimated")
        found = lt.StageEstimate(name=spec.name, kind=kind, note=note)
    weights = sum(scene.networks.weight_bytes(name) for name in networks_of(spec))
    return evolve(found, name=spec.name, kind=kind, weight_bytes=weights)


def _value(name: str, shape: tuple[int, ...], dtype: str = "float32") -> lt.ValueEstimate:
    return lt.ValueEstimate(name, shape, dtype, math.prod(shape) * _BYTES[dtype])


def _made(
    values: list[lt.ValueEstimate],
    passes: Mapping[str, int],
    activation_bytes: int = 0,
    steps: int = 1,
) -> lt.StageEstimate:
    return lt.StageEstimate(
        name="",
        kind="",
        values=values,
        steps=steps,
        passes=[lt.PassEstimate(name, flops) for name, flops in passes.items()],
        activation_bytes=activation_bytes,
    )


def _text(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
    """The negative prompt of a take is run once; every segment may have a prompt of its own."""
    networks, tokens = scene.networks, scene.networks.text_tokens
    encoder, precision = networks.text_encoder, networks.precisions["text_encoder"]
    connectors = networks.connectors(tokens)
    flops = encoder.flops(tokens) + connectors.flops
    passes = {"positive": flops}
    prompts = ["positive"]
    if scene.needs_negative:
        prompts.append("negative")
        if scene.job.segment_index == 0:
            passes["negative"] = flops
    values = [
        _value(f"TextContext.{prompt}.{stream}", shape, precision.name)
        for prompt in prompts
        for stream, shape in zip(("video", "audio"), connectors.shapes, strict=False)
    ]
    packed = 2 * encoder.hidden_bytes(tokens, precision.size) + connectors.activation_bytes
    return _made(values, passes, max(packed, encoder.activation_bytes(tokens, precision.size)))


def _preparation(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
    flops, held = _encoded_frames(scene)
    return _made(_noisy(scene), {"encode frames": flops} if flops else {}, held)


def _upsampling(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
    """``scene`` is already at the size after it."""
    *front, height, width = scene.video_latent_shape
    cost = scene.networks.upsampler((*front, height // 2, width // 2))
    flops, held = _encoded_frames(scene)
    passes = {"upsample": cost.flops} | ({"encode frames": flops} if flops else {})
    return _made(_noisy(scene), passes, max(cost.activation_bytes, held))


def _encoded_frames(scene: Scene) -> tuple[int, int]:
    """FLOPs and bytes of encoding the repeated frames."""
    if not scene.repeated_frames:
        return 0, 0
    shape = (1, _COLORS, scene.repeated_frames, scene.geometry.height, scene.geometry.width)
    cost = scene.networks.video_encoder(shape)
    return cost.flops, cost.activation_bytes + math.prod(shape) * _BYTES["float32"]


def _noisy(scene: Scene) -> list[lt.ValueEstimate]:
    config = scene.networks.transformer
    streams = {
        "video": (scene.video_tokens, config.in_channels, 3),
        "audio": (scene.audio_latents, config.audio_in_channels, 1),
    }
    return [
        _value(f"NoisyLatents.{stream}.{name}", shape)
        for stream, (tokens, channels, axes) in streams.items()
        for name, shape in (
            ("latents", (1, tokens, channels)),
            ("clean", (1, tokens, channels)),
            ("denoise_mask", (1, tokens, 1)),
            ("coordinates", (1, axes, tokens, 2)),
        )
    ]


def _denoising(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
    config, passes = scene.networks.transformer, loop_passes(spec, scene)
    channels, mel_bins = scene.networks.audio_latent_shape
    return _made(
        [
            _value("CleanLatents.video", scene.video_latent_shape),
            _value("CleanLatents.audio", (1, channels, scene.audio_latents, mel_bins)),
        ],
        {name: config.flops(run) for name, run in passes.items()},
        loop_bytes(scene, passes),
        steps=scene.loop_options(spec).num_inference_steps,
    )


def _sound(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
    networks, clock = scene.networks, scene.geometry.clock
    if not scene.job.output.audio:
        return _made([], {})
    further = max(0, scene.carried_latents - clock.context_latents)
    wanted = max(0, DECODE_CONTEXT_LATENTS - clock.context_latents)
    decoded = networks.audio_decoder(clock.num_latents + min(wanted, further))
    vocoder = networks.vocoder(decoded.shapes[0])
    spectrogram = math.prod(decoded.shapes[0]) * networks.precisions["vocoder"].size
    return _made(
        [
            _value(
                "Waveform.samples",
                (vocoder.shapes[0][1], scene.new_samples_end - scene.samples_before),
            )
        ],
        {"decode": decoded.flops, "vocoder": vocoder.flops},
        max(decoded.activation_bytes, spectrogram + vocoder.activation_bytes),
    )


def _picture(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
    if not scene.job.output.video:
        return _made([], {})
    cost, clock = scene.networks.video_decoder(scene.video_latent_shape), scene.geometry.clock
    size = (scene.geometry.height, scene.geometry.width, _COLORS)
    pixels = _value("Frames.pixels", (clock.num_frames - clock.repeated_frames, *size), "uint8")
    whole = clock.num_frames * math.prod(size)
    return _made(
        [pixels, _trailing("TrailingFrames.pixels", scene)],
        {"decode": cost.flops},
        cost.activation_bytes + whole,
    )


def _trailing(name: str, scene: Scene) -> lt.ValueEstimate:
    size = (scene.geometry.height, scene.geometry.width, _COLORS)
    return _value(name, (scene.trailing_frames, *size), "uint8")


def _remembering(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
    channels, mel_bins = scene.networks.audio_latent_shape
    clock = scene.geometry.clock
    known = max(scene.audio_latents, scene.carried_latents)
    following = clock.after(None).context_latents(scene.trailing_frames)
    carried = min(max(following, DECODE_CONTEXT_LATENTS), known)
    return _made(
        [
            _trailing("LTX2ContinuationState.video_frames", scene),
            _value("LTX2ContinuationState.audio_latents", (1, channels, carried, mel_bins)),
        ],
        {},
    )


_ESTIMATES: dict[str, Callable[[lt.StageSpec, Scene], lt.StageEstimate]] = {
    _TEXT: _text,
    _PREPARATION: _preparation,
    DENOISING: _denoising,
    _UPSAMPLING: _upsampling,
    _SOUND: _sound,
    _PICTURE: _picture,
    _REMEMBERING: _remembering,
}
