"""Widths and depths of the random checkpoints, and the generations that they imitate."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

__all__ = ["LARGER", "TINY", "Generation", "TinySize"]

Generation = Literal["2.0", "2.3", "2.5"]


@frozen
class TinySize:
    """Widths and depths of a random checkpoint. Channel counts; text lengths in tokens."""

    layers: int
    heads: int
    video_head_dim: int
    audio_head_dim: int
    text_width: int
    text_length: int
    registers: int
    video_latent_channels: int
    vae_channels: int
    audio_latent_channels: int
    mel_bins: int
    vocoder_channels: int
    bwe_channels: int
    upsampler_channels: int
    diffusion_decoder_channels: int

    @property
    def video_width(self) -> int:
        """Channels of a video token inside the transformer."""
        return self.heads * self.video_head_dim

    @property
    def audio_width(self) -> int:
        """Channels of an audio token inside the transformer."""
        return self.heads * self.audio_head_dim

    @property
    def audio_token_channels(self) -> int:
        """Channels of one packed audio latent, which the audio VAE's base width has to equal."""
        return self.audio_latent_channels * self.mel_bins // 4


TINY = TinySize(
    layers=4,
    heads=2,
    video_head_dim=8,
    audio_head_dim=4,
    text_width=32,
    text_length=64,
    registers=16,
    video_latent_channels=8,
    vae_channels=8,
    audio_latent_channels=2,
    mel_bins=12,
    vocoder_channels=64,
    bwe_channels=32,
    upsampler_channels=32,  # as many as it has groups to normalise
    diffusion_decoder_channels=8,
)
"""2 to 6 MB: the demo's and most tests' checkpoint."""

LARGER = TinySize(
    layers=8,
    heads=4,
    video_head_dim=32,
    audio_head_dim=16,
    text_width=64,
    text_length=128,
    registers=32,
    video_latent_channels=32,
    vae_channels=16,
    audio_latent_channels=4,
    mel_bins=16,
    vocoder_channels=128,
    bwe_channels=64,
    upsampler_channels=64,
    diffusion_decoder_channels=16,
)
"""Under 60 MB: for parity where errors have more layers to grow in."""
