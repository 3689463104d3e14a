"""What the denoising loop runs: which passes, over how many tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from attrs import evolve

import longtake as lt
from longtake_ltx2.denoising.guidance import Guidance
from longtake_ltx2.estimating.forward_pass import ForwardPass, StreamSize
from longtake_ltx2.estimating.inputs import added_by_inputs
from longtake_ltx2.generation import generation_of

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = [
    "NOT_AT_EVERY_LEVEL",
    "loop_bytes",
    "loop_passes",
    "pass_estimates",
    "union_of_passes",
]

NOT_AT_EVERY_LEVEL = "not every pass runs at every noise level; FLOPs are the average step's"

_FLOAT = 4


def loop_passes(guidance: Guidance, scene: Scene) -> dict[str, ForwardPass]:
    """The passes of one step, by the names of their predictions."""
    whole = ForwardPass(_video(scene), _audio(scene), scene.networks.text_tokens)
    negative, whole = whole, evolve(whole, negated=guidance.nag is not None)
    passes = {"positive": whole}
    if guidance.needs_perturbed and _perturbs(scene):
        passes["perturbed"] = evolve(
            whole,
            first_block=min(guidance.blocks),
            perturbed_blocks=frozenset(guidance.blocks),
            perturbs_video=guidance.perturbs_video,
            perturbs_audio=guidance.perturbs_audio,
        )
    if guidance.needs_negative:
        passes["negative"] = negative
    if guidance.needs_isolated:
        passes["isolated"] = evolve(whole, isolated=True)
    if guidance.needs_voiceless:
        passes["voiceless"] = evolve(whole, audio=_audio(scene, with_voice=False))
    return passes


def union_of_passes(guidance: Guidance, scene: Scene) -> dict[str, ForwardPass]:
    """Every pass that runs at some noise level."""
    found: dict[str, ForwardPass] = {}
    for each in guidance.every:
        found |= loop_passes(each, scene)
    return found


def pass_estimates(
    guidance: Guidance, scene: Scene, levels: Sequence[float]
) -> list[lt.PassEstimate]:
    """The passes of one step; what does not run at all ``levels`` counts as its average."""
    config = scene.networks.transformer
    if not guidance.levels:
        passes = loop_passes(guidance, scene)
        return [lt.PassEstimate(name, config.flops(run)) for name, run in passes.items()]
    total: Counter[str] = Counter()
    for level in levels:
        for name, run in loop_passes(guidance.at(torch.tensor(level)), scene).items():
            total[name] += config.flops(run)
    return [lt.PassEstimate(name, round(flops / len(levels))) for name, flops in total.items()]


def loop_bytes(scene: Scene, passes: dict[str, ForwardPass]) -> int:
    """What the loop holds at most beside weights and values.

    A pass at work, what the perturbed one restarts from, and every pass's prediction, in fp32.
    """
    config = scene.networks.transformer
    size = scene.networks.precisions["transformer"].size
    working = max(config.activation_bytes(run, size) for run in passes.values())
    added = added_by_inputs(scene)
    video_tokens = scene.video_tokens + added.tokens
    audio_tokens = scene.audio_latents + added.voice_latents
    widths = video_tokens * config.video_width + audio_tokens * config.audio_width
    kept = widths * size if "perturbed" in passes else 0
    tokens = video_tokens * config.out_channels
    tokens += audio_tokens * config.audio_out_channels
    return working + kept + (len(passes) + 1) * tokens * _FLOAT


def _perturbs(scene: Scene) -> bool:
    """Official numerics perturb whatever the configuration says; see ``loading``."""
    return scene.numerics.name == "official" or scene.networks.transformer.perturbed_attn


def _video(scene: Scene) -> StreamSize:
    added = added_by_inputs(scene)
    conditioned = scene.repeated_frames > 0 or added.gives_video
    return _stream(scene, scene.video_tokens + added.tokens, conditioned=conditioned)


def _audio(scene: Scene, *, with_voice: bool = True) -> StreamSize:
    added = added_by_inputs(scene)
    voice = added.voice_latents if with_voice else 0
    conditioned = scene.context_latents > 0 or added.gives_audio or voice > 0
    return _stream(scene, scene.audio_latents + voice, conditioned=conditioned)


def _stream(scene: Scene, tokens: int, *, conditioned: bool) -> StreamSize:
    """A conditioned stream has a timestep for every token; the other's sigma is one for all."""
    if not conditioned:
        return StreamSize(tokens)
    if scene.numerics.gate_from_other_sigma:
        return StreamSize(tokens, own=tokens, cross=tokens)
    if generation_of(scene.networks.config("transformer")) == "2.0":
        return StreamSize(tokens, own=tokens, cross=tokens, gate=tokens)
    return StreamSize(tokens, own=tokens)
