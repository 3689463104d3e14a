"""The official denoising loop of LTX-2, plainly: four passes, guidance on x0, Euler."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import torch

from tests.ltx2.official_reference import (
    FPS,
    Asked,
    Scales,
    Tokens,
    hooked,
    networks,
    sigmas,
    streams,
)


def denoised(path: Path, asked: Asked) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of picture and sound ``[1, T, C]``, normalised, fp32."""
    pipe = networks(path)
    with torch.no_grad():
        texts = [text_of(pipe, asked.prompt), text_of(pipe, asked.negative)]
        video, audio = streams(pipe, asked)
        now = [video.start, audio.start]
        levels = sigmas(asked.steps)
        for sigma, following in itertools.pairwise(levels):
            x0s = guided(pipe.transformer, (video, audio), now, texts, sigma, asked)
            for index, tokens in enumerate((video, audio)):
                x0 = x0s[index] * tokens.mask + tokens.clean * (1 - tokens.mask)
                velocity = (now[index] - x0) / sigma
                now[index] = now[index] + (following - sigma) * velocity
    return now[0], now[1]


def text_of(pipe: Any, prompt: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What the connectors give for the picture and for the sound."""
    length = pipe.tokenizer.model_max_length
    embeds, mask, _, _ = pipe.encode_prompt(
        prompt, do_classifier_free_guidance=False, max_sequence_length=length
    )
    video, audio, _ = pipe.connectors(embeds, mask)
    return video, audio


def guided(
    transformer: Any,
    tokens: tuple[Tokens, Tokens],
    now: list[torch.Tensor],
    texts: list[Any],
    sigma: float,
    asked: Asked,
) -> list[torch.Tensor]:
    """Guided x0 of the picture and of the sound."""
    block = transformer.transformer_blocks[asked.block]
    perturbed = [block.attn1] if asked.video.stg != 0 else []
    perturbed += [block.audio_attn1] if asked.audio.stg != 0 else []
    passes = [
        forward(transformer, tokens, now, texts[0], sigma),
        forward(transformer, tokens, now, texts[1], sigma),
        forward(transformer, tokens, now, texts[0], sigma, perturbed=perturbed),
        forward(transformer, tokens, now, texts[0], sigma, isolated=True),
    ]
    scales = (asked.video, asked.audio)
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
    return guidance * (scales.rescale * ratio + 1 - scales.rescale)


def forward(
    transformer: Any,
    tokens: tuple[Tokens, Tokens],
    now: list[torch.Tensor],
    text: Any,
    sigma: float,
    *,
    perturbed: list[Any] | None = None,
    isolated: bool = False,
) -> list[torch.Tensor]:
    """x0 of both streams, each token at its own noise level."""
    own = [1000 * sigma * part.mask[..., 0] for part in tokens]
    other = torch.tensor([1000 * sigma])
    with hooked(transformer, (own[0], own[1]), perturbed or []):
        velocities = transformer(
            hidden_states=now[0],
            audio_hidden_states=now[1],
            encoder_hidden_states=text[0],
            audio_encoder_hidden_states=text[1],
            timestep=own[0],
            audio_timestep=own[1],
            sigma=other,
            audio_sigma=other,
            fps=float(FPS),
            video_coords=tokens[0].bounds,
            audio_coords=tokens[1].bounds,
            isolate_modalities=isolated,
            use_cross_timestep=True,  # the gates; scale and shift are hooked
            return_dict=False,
        )
    return [
        latents - sigma * part.mask * velocity
        for latents, part, velocity in zip(now, tokens, velocities, strict=True)
    ]
