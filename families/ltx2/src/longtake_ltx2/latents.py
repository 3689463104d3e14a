"""Latents in token order and on their grids, and their statistics.

Token order and normalisation as in diffusers ``LTX2ConditionPipeline`` (patch size 1): video
``[B, C, F, H, W]`` <-> ``[B, F*H*W, C]``, audio ``[B, C, L, mel]`` <-> ``[B, L, C*mel]``.
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = [
    "audio_from_tokens",
    "audio_to_tokens",
    "decodable_audio",
    "decodable_video",
    "normalized_audio",
    "normalized_video",
    "video_from_tokens",
    "video_to_tokens",
]


def video_to_tokens(latents: torch.Tensor) -> torch.Tensor:
    """``[B, C, F, H, W]`` to ``[B, F*H*W, C]``."""
    return latents.flatten(2).transpose(1, 2)


def video_from_tokens(tokens: torch.Tensor, frames: int, height: int, width: int) -> torch.Tensor:
    """``[B, F*H*W, C]`` to ``[B, C, F, H, W]``; no tokens are no frames."""
    batch, count, channels = tokens.shape
    frames = frames if count else 0
    return tokens.transpose(1, 2).reshape(batch, channels, frames, height, width)


def audio_to_tokens(latents: torch.Tensor) -> torch.Tensor:
    """``[B, C, L, mel]`` to ``[B, L, C*mel]``, channel major."""
    return latents.transpose(1, 2).flatten(2)


def audio_from_tokens(tokens: torch.Tensor, mel_bins: int) -> torch.Tensor:
    """``[B, L, C*mel]`` to ``[B, C, L, mel]``."""
    channels = tokens.shape[2] // mel_bins
    return tokens.reshape(*tokens.shape[:2], channels, mel_bins).transpose(1, 2)


def normalized_video(latents: torch.Tensor, vae: Any) -> torch.Tensor:
    """What the video VAE encodes to, in the transformer's space: (x - mean) / std per channel."""
    mean, std = _video_statistics(latents, vae)
    return (latents - mean) * float(vae.config.scaling_factor) / std


def decodable_video(latents: torch.Tensor, vae: Any) -> torch.Tensor:
    """The inverse of `normalized_video`: what the video VAE decodes."""
    mean, std = _video_statistics(latents, vae)
    return latents * std / float(vae.config.scaling_factor) + mean


def _video_statistics(latents: torch.Tensor, vae: Any) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (1, -1, 1, 1, 1)
    return vae.latents_mean.view(shape).to(latents), vae.latents_std.view(shape).to(latents)


def decodable_audio(latents: torch.Tensor, audio_vae: Any) -> torch.Tensor:
    """Audio latents ``[B, C, L, mel]`` as the audio VAE decodes them, statistics per C and mel."""
    tokens = audio_to_tokens(latents)
    tokens = tokens * audio_vae.latents_std.to(tokens) + audio_vae.latents_mean.to(tokens)
    return audio_from_tokens(tokens, latents.shape[3])


def normalized_audio(latents: torch.Tensor, audio_vae: Any) -> torch.Tensor:
    """What the audio VAE encodes to, ``[B, C, L, mel]``, in the transformer's space."""
    tokens = audio_to_tokens(latents)
    tokens = (tokens - audio_vae.latents_mean.to(tokens)) / audio_vae.latents_std.to(tokens)
    return audio_from_tokens(tokens, latents.shape[3])
