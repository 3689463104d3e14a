"""The official denoising of LTX-2, plainly: four passes a step, guidance on x0, Euler."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from longtake_ltx2.noise import noise_generator
from tests.ltx2.official_reference import FPS, Asked, Scales, networks
from tests.ltx2.official_second_order import walked
from tests.ltx2.official_tokens import Before, Tokens, streams, upsampled

NEUTRAL = (Scales(), Scales())


def denoised(
    path: Path, asked: Asked, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of picture and sound ``[1, T, C]``, normalised, fp32.

    ``dtype``: what the transformer and the steps compute in. Noise, noise levels and places stay
    fp32's, as they are part of what is asked for.
    """
    with in_dtype(networks(path).transformer, dtype):
        return with_slots(path, asked, dtype)[:2]


@contextmanager
def in_dtype(transformer: Any, dtype: torch.dtype) -> Iterator[None]:
    """The network with weights of this type, as long as it is needed."""
    if dtype == torch.float32:
        yield
        return
    torch.nn.Module.to(transformer, dtype)
    try:
        yield
    finally:
        torch.nn.Module.to(transformer, torch.float32)


def with_slots(
    path: Path, asked: Asked, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The same, and the tokens of the pictures that the first pass made beside the segment.

    Tokens that only condition the segment are left out.
    """
    pipe, generator = networks(path), noise_generator(asked.seed)
    height, width, frames = asked.size
    with torch.no_grad():
        texts = [text_of(path, asked.prompt), text_of(path, asked.negative)]
        scales = (asked.video, asked.audio)
        fresh = noise_generator(asked.seed, "steps", short=asked.seed + 10000)
        renoised = fresh if asked.renoised else None
        once = asked.refine is None
        half = asked.size if once else (height // 2, width // 2, frames)
        tokens = streams(pipe, asked, half, generator)
        with beside(pipe.transformer, asked.lora, asked.strengths[0]):
            both = one_pass(pipe, tokens, texts, asked, half, asked.levels, scales, renoised, dtype)
        video, audio = (each[:, : part.own] for each, part in zip(both, tokens, strict=True))
        slots = both[0][:, both[0].shape[1] - tokens[0].slots :]
        if asked.refine is None:
            return video, audio, slots
        before = Before(upsampled(pipe, video, half), audio, asked.refine[0])
        tokens = streams(pipe, asked, asked.size, generator, before)
        with beside(pipe.transformer, asked.lora, asked.strengths[1]):
            last = (asked.size, asked.refine, NEUTRAL)
            both = one_pass(pipe, tokens, texts, asked, *last, dtype=dtype)
        refined, again = (each[:, : part.own] for each, part in zip(both, tokens, strict=True))
        return refined, audio if asked.first_sound else again, slots


@contextmanager
def added(transformer: Any, lora: Path | None, strength: float) -> Iterator[None]:
    """The network with the products of a LoRA added to its weights, as long as it is needed."""
    before = {}
    for layer, down, up in products(transformer, lora, strength):
        before[layer] = layer.weight.data
        weight = layer.weight.data
        layer.weight.data = weight + up.to(weight.dtype) @ down.to(weight.dtype)
    try:
        yield
    finally:
        for layer, weight in before.items():
            layer.weight.data = weight


@contextmanager
def beside(transformer: Any, lora: Path | None, strength: float) -> Iterator[None]:
    """The network with what a LoRA adds to what its layers give, which is rounded less."""

    def adding(down: torch.Tensor, up: torch.Tensor) -> Any:
        return lambda module, args, output: output + (args[0] @ down.T) @ up.T

    with ExitStack() as stack:
        for layer, down, up in products(transformer, lora, strength):
            hook = adding(down.to(layer.weight.dtype), up.to(layer.weight.dtype))
            stack.callback(layer.register_forward_hook(hook).remove)
        yield


def products(
    transformer: Any, lora: Path | None, strength: float
) -> Iterator[tuple[Any, Any, Any]]:
    """Layers of the network, and both matrices of each, of which the second one is as strong."""
    matrices = {} if lora is None or strength == 0 else load_file(lora)
    for name, down in matrices.items():
        if name.endswith("lora_A.weight"):
            layer = transformer.get_submodule(name.split(".", 1)[1].removesuffix(".lora_A.weight"))
            yield layer, down, matrices[name.replace("lora_A", "lora_B")] * strength


def bias(seen: torch.Tensor) -> torch.Tensor:
    """What is added to the scores: a share of what softmax gives without it."""
    return torch.where(seen > 0, seen.log(), torch.finfo(torch.float32).min)


def one_pass(
    pipe: Any,
    tokens: tuple[Tokens, Tokens],
    texts: list[Any],
    asked: Asked,
    size: tuple[int, int, int],
    levels: list[float],
    scales: tuple[Scales, Scales],
    renoised: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> list[torch.Tensor]:
    """All tokens of picture and sound, down the noise levels, in fp32.

    ``renoised``: every step but the last goes down to ``following ** 2 / sigma`` and back up.
    ``dtype``: what is computed in.
    """
    tokens = (tokens[0].to(dtype), tokens[1].to(dtype))
    texts = [(video.to(dtype), audio.to(dtype)) for video, audio in texts]
    now = [part.start for part in tokens]
    # The mark that 2.5 has for tokens of one pixel frame: those of the first latent frame.
    marks = torch.zeros(1, now[0].shape[1], 1, dtype=dtype)
    marks[:, : size[0] // 32 * (size[1] // 32)] = 1
    marks[:, marks.shape[1] - tokens[0].slots :] = marks_of_slots()
    if asked.second_order:

        def evaluated(there: list[torch.Tensor], sigma: float) -> list[torch.Tensor]:
            at = [each.to(dtype) for each in there]
            step = (pipe.transformer, tokens, marks, at, sigma)
            return guided(step, texts, scales, asked.block)

        return [part.float() for part in walked(evaluated, tokens, levels)]
    for sigma, following in itertools.pairwise(levels):
        step = (pipe.transformer, tokens, marks, now, sigma)
        x0s = guided(step, texts, scales, asked.block)
        for index, part in enumerate(tokens):
            x0 = x0s[index] * part.mask + part.clean * (1 - part.mask)
            if renoised is not None and following != 0:
                noise = torch.randn(now[index].shape, generator=renoised)
                fresh = back_up(now[index], x0, noise, sigma, following)
                now[index] = fresh * part.mask + part.clean * (1 - part.mask)
                continue
            velocity = (now[index] - x0) / sigma
            now[index] = now[index] + (following - sigma) * velocity
    return [part.float() for part in now]


def marks_of_slots() -> int:
    """As the first latent frame's tokens."""
    return 1


def back_up(
    now: torch.Tensor, x0: torch.Tensor, noise: torch.Tensor, sigma: float, following: float
) -> torch.Tensor:
    """Down to a lower level, and up again: the signal is 1 - level of it, the variance kept."""
    lower = following * following / sigma
    there = x0 + (now - x0) * (lower / sigma)
    signal = (1 - following) / (1 - lower)
    return signal * there + noise * math.sqrt(following**2 - (lower * signal) ** 2)


@cache
def text_of(path: Path, prompt: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What the connectors give for the picture and for the sound."""
    pipe = networks(path)
    length = pipe.tokenizer.model_max_length
    embeds, mask, _, _ = pipe.encode_prompt(
        prompt, do_classifier_free_guidance=False, max_sequence_length=length
    )
    video, audio, _ = pipe.connectors(embeds, mask)
    return video, audio


def guided(
    step: Any, texts: list[Any], scales: tuple[Scales, Scales], number: int
) -> list[torch.Tensor]:
    """Guided x0 of the picture and of the sound."""
    block = step[0].transformer_blocks[number]
    made = [Scales() if each else own for each, own in zip(frozen(step[1]), scales, strict=True)]
    scales = (made[0], made[1])
    perturbed = [block.attn1] if scales[0].stg != 0 else []
    perturbed += [block.audio_attn1] if scales[1].stg != 0 else []
    positive = forward(step, texts[0])
    if scales == NEUTRAL:
        return positive
    kept = frozen(step[1])
    negative = [texts[0 if kept[index] else 1][index] for index in range(2)]
    passes = [
        positive,
        forward(step, negative),
        forward(step, texts[0], perturbed=perturbed),
        forward(step, texts[0], isolated=True),
    ]
    return [combined([x0[index] for x0 in passes], scales[index]) for index in range(2)]


def combined(x0: list[torch.Tensor], scales: Scales) -> torch.Tensor:
    """The four terms, rescaled by one deviation over the whole tensor."""
    positive, negative, perturbed, isolated = x0
    guidance = (
        positive
        + (scales.cfg - 1) * (positive - negative)
        + scales.stg * (positive - perturbed)
        + (scales.modality - 1) * (positive - isolated)
    )
    ratio = positive.std() / guidance.std()
    return guidance * (scales.rescale * ratio + (1 - scales.rescale))


def forward(
    step: Any, text: Any, *, perturbed: list[Any] | None = None, isolated: bool = False
) -> list[torch.Tensor]:
    """x0 of both streams, each token at its own noise level."""
    transformer, tokens, marks, now, sigma = step
    dtype = now[0].dtype
    other = torch.tensor([1000 * sigma]).to(dtype)
    levels = [0 * other if each else other for each in frozen(tokens)]
    # Where all tokens are at one level it is given once: a product of many equal rows differs from
    # that of one in the last bits, which guidance makes larger.
    masks = [part.mask[..., 0].float() for part in tokens]
    own = [(1000 * (mask * sigma)).to(dtype) if (mask != 1).any() else other for mask in masks]
    seen = tokens[0].seen
    with hooked(transformer, (own[0], own[1]), perturbed or [], seen):
        velocities = transformer(
            hidden_states=now[0],
            audio_hidden_states=now[1],
            encoder_hidden_states=text[0],
            audio_encoder_hidden_states=text[1],
            timestep=own[0],
            audio_timestep=own[1],
            sigma=levels[0],
            audio_sigma=levels[1],
            fps=float(FPS),
            video_coords=tokens[0].bounds,
            audio_coords=tokens[1].bounds,
            isolate_modalities=isolated,
            use_cross_timestep=True,  # the gates; scale and shift are hooked
            video_keyframes_mask=marks,
            return_dict=False,
        )
    return [
        latents - sigma * part.mask * velocity
        for latents, part, velocity in zip(now, tokens, velocities, strict=True)
    ]


def frozen(tokens: tuple[Tokens, Tokens]) -> list[bool]:
    """Of the picture and of the sound: whether all of it is given, so that its own level is 0."""
    return [bool((part.mask == 0).all()) for part in tokens]


@contextmanager
def hooked(
    transformer: Any,
    own: tuple[torch.Tensor, ...],
    perturbed: list[Any],
    seen: torch.Tensor | None,
) -> Iterator[None]:
    """Scale and shift between the streams from the own timesteps; STG's attention is its values.

    ``seen``: how well tokens of the picture see each other.
    """

    def with_bias(module: Any, args: Any, kwargs: Any) -> Any:
        assert seen is not None
        weights = bias(seen)[None, None].to(kwargs["hidden_states"].dtype)
        return args, {**kwargs, "attention_mask": weights}

    def with_own(timestep: torch.Tensor) -> Callable[..., Any]:
        return lambda module, args: (timestep.flatten(), *args[1:])

    def only_values(module: Any, args: Any, kwargs: Any, output: Any) -> Any:
        hidden = kwargs["hidden_states"]
        values = module.to_v(hidden).unflatten(2, (module.heads, -1))
        if module.to_gate_logits is not None:
            values = values * 2 * torch.sigmoid(module.to_gate_logits(hidden))[..., None]
        return module.to_out[0](values.flatten(2))

    shifts = (
        transformer.av_cross_attn_video_scale_shift,
        transformer.av_cross_attn_audio_scale_shift,
    )
    with ExitStack() as stack:
        for module, timestep in zip(shifts, own, strict=True):
            stack.callback(module.register_forward_pre_hook(with_own(timestep)).remove)
        for block in transformer.transformer_blocks if seen is not None else ():
            handle = block.attn1.register_forward_pre_hook(with_bias, with_kwargs=True)
            stack.callback(handle.remove)
        for module in perturbed:
            stack.callback(module.register_forward_hook(only_values, with_kwargs=True).remove)
        yield
