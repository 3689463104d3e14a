"""FLOPs of one segment by network, of Longtake and of diffusers' stock pipeline: from
configurations alone, as torch counts them in a run. Matrix products and convolutions count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from attrs import asdict, evolve, frozen

import longtake as lt
from longtake.runs.resolution import resolve_request
from longtake_ltx2.checkpoints.layout import layout_of
from longtake_ltx2.clock import LATENTS_PER_SECOND
from longtake_ltx2.estimating.attention import Attention
from longtake_ltx2.estimating.forward_pass import ForwardPass, StreamSize
from longtake_ltx2.estimating.measuring import empty, measure
from longtake_ltx2.estimating.networks import Networks, Precision
from longtake_ltx2.estimating.run import estimate
from longtake_ltx2.estimating.transformer import TransformerConfig
from longtake_ltx2.generation import generation_of
from longtake_ltx2.plugin import longtake_families

__all__ = ["Flops", "longtake_flops", "stock_flops"]

LEVELS = 2
"""Noise levels of the tokens of a stream that goes on: what is known, and what is made."""
NETWORKS = (
    *("text_encoder", "connectors", "transformer", "vae", "audio_vae", "vocoder"),
    *("diffusion_decoder", "upsampler"),
)


@frozen
class Flops:
    """Of one segment, by what they are for. ``encode``: of the frames that it goes on from."""

    text: int
    encode: int
    denoise: int
    picture: int
    sound: int

    @property
    def total(self) -> int:
        return sum(self._parts.values())

    def __str__(self) -> str:
        return ", ".join(f"{name} {value / 1e12:,.2f}" for name, value in self._parts.items())

    @property
    def _parts(self) -> dict[str, int]:
        return asdict(self)


@frozen
class Loop:
    """A denoising loop: its passes by name, for how many steps, on how large streams.

    ``video_shape``: of the picture's latents, ``[1, C, F, H, W]``.
    """

    passes: tuple[str, ...]
    steps: int
    blocks: tuple[int, ...]
    video: StreamSize
    audio: StreamSize
    text_tokens: int
    video_shape: tuple[int, ...]

    def run(self, name: str, *, restarts: bool) -> ForwardPass:
        """One pass of a step. ``restarts``: the perturbed one begins where it first differs."""
        whole = ForwardPass(self.video, self.audio, self.text_tokens, isolated=name == "isolated")
        if name != "perturbed":
            return whole
        first = min(self.blocks, default=0) if restarts else 0
        return evolve(whole, first_block=first, perturbed_blocks=frozenset(self.blocks))

    def flops(self, config: TransformerConfig, *, restarts: bool) -> int:
        """Of every pass of every step, each on its own."""
        return self.steps * sum(
            config.flops(self.run(name, restarts=restarts)) for name in self.passes
        )


def longtake_flops(path: Path, preset: str, request: lt.GenerationRequest) -> tuple[Flops, Flops]:
    """Of the first segment of a take, and of the next one with the same prompts.

    The text of these is kept, and so not encoded again.
    """
    # The second of three is one that another one follows, as the first is.
    _, found, blocks = _estimated(path, preset, request, segments=3)
    networks = _networks(path)
    first, second = (
        _of_segment(networks, segment, blocks, goes_on=index > 0)
        for index, segment in enumerate(found[:2])
    )
    return first, evolve(second, text=0)


def stock_flops(
    path: Path, preset: str, request: lt.GenerationRequest, *, condition: int = 0
) -> Flops:
    """Of a call of diffusers' ``LTX2ConditionPipeline`` for the same request.

    ``condition``: frames at the start that are given, 0 without. Every call encodes the prompts,
    and the encoder computes its output layer; every pass runs all blocks with the text's keys and
    values, and has a timestep for each token of the picture.
    """
    job, segments, blocks = _estimated(path, preset, request, segments=1)
    networks, sampling = _networks(path), job.sampling
    config = networks.transformer
    first = _loop(networks, segments[0], blocks, goes_on=False)
    latents = round(sampling.num_frames / sampling.fps * LATENTS_PER_SECOND)
    tokens = first.video.tokens
    video = StreamSize(tokens, own=tokens)
    if generation_of(networks.config("transformer")) == "2.0":
        video = StreamSize(tokens, own=tokens, cross=tokens, gate=tokens)
    perturbed = first.blocks if config.perturbed_attn else ()
    loop = evolve(first, blocks=perturbed, video=video, audio=StreamSize(latents))
    encoder, length = networks.text_encoder, networks.text_tokens
    logits = 2 * length * encoder.hidden_size * encoder.vocab_size
    prompt = encoder.flops(length) + logits + networks.connectors(length).flops
    sound, size = networks.audio_decoder(latents), (sampling.height, sampling.width)
    return Flops(
        text=prompt * (2 if "negative" in loop.passes else 1),
        encode=networks.video_encoder((1, 3, condition, *size)).flops if condition else 0,
        denoise=loop.flops(config, restarts=False),
        picture=_decoded_at_once(networks, first.video_shape),
        sound=sound.flops + networks.vocoder(sound.shapes[0]).flops,
    )


def _estimated(
    path: Path, preset: str, request: lt.GenerationRequest, *, segments: int
) -> tuple[lt.Job, Sequence[lt.SegmentEstimate], tuple[int, ...]]:
    """The job, what ``longtake plan`` knows of its segments, and the blocks that STG perturbs."""
    (family,) = longtake_families()
    chosen = family.preset(preset)
    recipe = family.recipe(chosen)
    resolved = resolve_request(request, family=family, preset=chosen, recipe=recipe)
    found = estimate(
        lt.EstimateRequest(
            path=path,
            recipe=recipe,
            job=resolved.job,
            stage_options=resolved.options,
            segments=segments,
            device="cpu",
        )
    )
    return resolved.job, found.segments, tuple(resolved.options["denoise"].stg_blocks)


def _networks(path: Path) -> Networks:
    precision = Precision("float32")  # which FLOPs do not depend on
    return Networks(layout_of(path, {}), dict.fromkeys(NETWORKS, precision))


def _of_segment(
    networks: Networks, segment: lt.SegmentEstimate, blocks: tuple[int, ...], *, goes_on: bool
) -> Flops:
    by_stage = {stage.name: stage.flops for stage in segment.stages}
    run = _loop(networks, segment, blocks, goes_on=goes_on)
    return Flops(
        text=by_stage["encode_text"],
        encode=by_stage["prepare"],
        denoise=_exact(networks.transformer, run),
        picture=by_stage["decode_video"],
        sound=by_stage["decode_audio"],
    )


def _loop(
    networks: Networks, segment: lt.SegmentEstimate, blocks: tuple[int, ...], *, goes_on: bool
) -> Loop:
    (stage,) = (each for each in segment.stages if each.name == "denoise")
    shapes = {value.name: value.shape for value in stage.values}
    frames, height, width = shapes["CleanLatents.video"][2:]
    levels = LEVELS if goes_on else 1
    return Loop(
        passes=tuple(each.name for each in stage.passes),
        steps=stage.steps,
        blocks=blocks,
        # The gate takes the other stream's noise level, which is one for all tokens.
        video=StreamSize(frames * height * width, own=levels, cross=levels),
        audio=StreamSize(shapes["CleanLatents.audio"][2], own=levels, cross=levels),
        text_tokens=networks.text_tokens,
        video_shape=shapes["CleanLatents.video"],
    )


def _exact(config: TransformerConfig, run: Loop) -> int:
    """With what passes and steps share computed once, as ``longtake_ltx2.forward.exact`` does."""
    passes, steps, text = len(run.passes), run.steps, run.text_tokens
    prompts = 2 if "negative" in run.passes else 1
    widths = config.video_width, config.audio_width
    projected = 2 * text * sum(config.caption_channels * width + width**2 for width in widths)
    shared = (passes * steps - prompts) * projected * config.use_prompt_embeddings
    to_text = (
        _video(config, config.cross_attention_dim),
        _audio(config, config.audio_cross_attention_dim),
    )
    keys = sum(2 * 2 * text * each.key * each.inner for each in to_text)
    whole = sum(name != "perturbed" for name in run.passes)
    restarted = config.num_layers - min(run.blocks) if "perturbed" in run.passes else 0
    every_step = config.cross_attn_mod and config.use_prompt_adaln_single
    made = prompts * config.num_layers * (steps if every_step else 1)
    shared += keys * (steps * (whole * config.num_layers + restarted) - made)
    whole_pass = run.run("positive", restarts=True)
    shared += (passes - 1) * steps * config.level_flops(whole_pass)
    video, audio = run.video.tokens, run.audio.tokens
    to_itself = _video(config, config.video_width).flops(video, video)
    to_itself += _audio(config, config.audio_width).flops(audio, audio)
    shared += steps * to_itself * ("negative" in run.passes)  # of the first block, as below
    if "isolated" in run.passes:
        attended = to_text[0].flops(video, text) + to_text[1].flops(audio, text) - keys
        shared += steps * (to_itself + attended)
    return run.flops(config, restarts=True) - shared


def _video(config: TransformerConfig, key: int) -> Attention:
    width, heads = config.video_width, config.num_attention_heads
    return Attention(width, key, width, heads, config.gated_attn, True, True)


def _audio(config: TransformerConfig, key: int) -> Attention:
    width, heads = config.audio_width, config.audio_num_attention_heads
    return Attention(width, key, width, heads, config.audio_gated_attn, True, True)


def _decoded_at_once(networks: Networks, shape: tuple[int, ...]) -> int:
    network = networks.built("vae")
    given = empty(*shape, dtype=torch.float32)
    return measure(network, lambda: network.decode(given, return_dict=False)).flops
