"""Token order and normalisation of latents, against diffusers' own functions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from attrs import frozen
from diffusers import LTX2ConditionPipeline

from longtake_ltx2.latents import (
    audio_from_tokens,
    audio_to_tokens,
    decodable_audio,
    decodable_video,
    normalized_video,
    video_from_tokens,
    video_to_tokens,
)

Pipe: Any = LTX2ConditionPipeline
VIDEO = torch.randn(1, 4, 3, 2, 5, generator=torch.Generator().manual_seed(1))
AUDIO = torch.randn(1, 2, 7, 3, generator=torch.Generator().manual_seed(2))


@frozen
class Config:
    scaling_factor: float = 1.0


@frozen
class Statistics:
    """What the functions need of a VAE."""

    latents_mean: torch.Tensor
    latents_std: torch.Tensor
    config: Config


def vae(channels: int, *, scaling_factor: float = 1.0) -> Statistics:
    generator = torch.Generator().manual_seed(3)
    mean = torch.randn(channels, generator=generator)
    return Statistics(mean, 0.5 + torch.rand(channels, generator=generator), Config(scaling_factor))


def test_video_tokens_go_frame_by_frame_row_by_row() -> None:
    tokens = video_to_tokens(VIDEO)
    assert torch.equal(tokens, Pipe._pack_latents(VIDEO, 1, 1))
    assert torch.equal(tokens[0, (2 * 2 + 1) * 5 + 3], VIDEO[0, :, 2, 1, 3])
    assert torch.equal(video_from_tokens(tokens, 3, 2, 5), VIDEO)
    assert torch.equal(Pipe._unpack_latents(tokens, 3, 2, 5, 1, 1), VIDEO)


def test_audio_tokens_are_channel_major() -> None:
    tokens = audio_to_tokens(AUDIO)
    assert torch.equal(tokens, Pipe._pack_audio_latents(AUDIO))
    assert torch.equal(tokens[0, 4], torch.cat([AUDIO[0, 0, 4], AUDIO[0, 1, 4]]))
    assert torch.equal(audio_from_tokens(tokens, 3), AUDIO)
    assert torch.equal(Pipe._unpack_audio_latents(tokens, 7, num_mel_bins=3), AUDIO)


@pytest.mark.parametrize("scaling_factor", [1.0, 0.7])
def test_video_statistics_are_per_channel(scaling_factor: float) -> None:
    own = vae(4, scaling_factor=scaling_factor)
    statistics = (own.latents_mean, own.latents_std, scaling_factor)
    normalized = normalized_video(VIDEO, own)
    assert torch.equal(normalized, Pipe._normalize_latents(VIDEO, *statistics))
    assert torch.equal(decodable_video(VIDEO, own), Pipe._denormalize_latents(VIDEO, *statistics))
    torch.testing.assert_close(decodable_video(normalized, own), VIDEO)
    assert not torch.allclose(normalized, VIDEO)


def test_audio_statistics_are_per_channel_and_mel_bin() -> None:
    own = vae(6)
    tokens = Pipe._denormalize_audio_latents(
        Pipe._pack_audio_latents(AUDIO), own.latents_mean, own.latents_std
    )
    expected = Pipe._unpack_audio_latents(tokens, 7, num_mel_bins=3)
    assert torch.equal(decodable_audio(AUDIO, own), expected)
    back = Pipe._normalize_audio_latents(tokens, own.latents_mean, own.latents_std)
    torch.testing.assert_close(back, audio_to_tokens(AUDIO))


def test_statistics_take_the_latents_dtype() -> None:
    assert decodable_video(VIDEO.bfloat16(), vae(4)).dtype == torch.bfloat16
    assert decodable_audio(AUDIO.bfloat16(), vae(6)).dtype == torch.bfloat16
