"""The VAEs, decoders, vocoders and the upsampler of a tiny checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longtake_ltx2.tiny.building import build

if TYPE_CHECKING:
    from longtake_ltx2.tiny.sizes import Generation, TinySize


def build_video_vae(generation: Generation, size: TinySize) -> Any:
    width = size.vae_channels
    decoder: dict[str, Any] = {"decoder_block_out_channels": (width, 2 * width, 4 * width)}
    if generation != "2.0":
        width = 3 * width // 4  # makes up for the larger vocoder
        decoder = {
            "decoder_block_out_channels": (width, 2 * width, 2 * width, 4 * width),
            "decoder_layers_per_block": (4, 6, 4, 2, 2),
            "decoder_spatio_temporal_scaling": (True,) * 4,
            "decoder_inject_noise": (False,) * 5,
            "upsample_type": ("spatiotemporal", "spatiotemporal", "temporal", "spatial"),
            "upsample_residual": (False,) * 4,
            "upsample_factor": (2, 2, 1, 2),
            "decoder_spatial_padding_mode": "zeros",
        }
    return build(
        "diffusers.AutoencoderKLLTX2Video",
        latent_channels=size.video_latent_channels,
        block_out_channels=(size.vae_channels, *(2 * size.vae_channels,) * 3),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_causal=False,
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
        **decoder,
    )


def build_diffusion_decoder(size: TinySize) -> Any:
    """The diffusion decoder; its attention windows are small, so that it decodes 32 x 32 pixels.

    A window must fit into its stage's grid: the first stage's is that of the latents.
    """
    width = size.diffusion_decoder_channels
    return build(
        "diffusers.LTX2VideoDiffusionDecoderModel",
        latent_channels=size.video_latent_channels,
        decoder_head_dim=8,
        decoder_stage_channels=(8 * width, 4 * width, 2 * width, 2 * width, width),
        decoder_stage_depths=(1, 1, 1, 1, 1),
        decoder_stage_kernels=((3, 1, 1), (3, 1, 1), (3, 2, 2), (3, 3, 3)),
        decoder_stage5_kernel=(3, 5, 5),
        decoder_t_emb_dim=16,
    )


def build_audio_vae(size: TinySize) -> Any:
    return build(
        "diffusers.AutoencoderKLLTX2Audio",
        base_channels=size.audio_token_channels,
        latent_channels=size.audio_latent_channels,
        mel_bins=size.mel_bins,
    )


def build_vocoder(generation: Generation, size: TinySize) -> Any:
    """24 kHz in 2.0; from 2.3 on 48 kHz, with bandwidth extension."""
    if generation == "2.0":
        return build(
            "diffusers.pipelines.ltx2.LTX2Vocoder",
            in_channels=2 * size.mel_bins,
            hidden_channels=size.vocoder_channels,
        )
    return build(
        "diffusers.pipelines.ltx2.LTX2VocoderWithBWE",
        in_channels=2 * size.mel_bins,
        hidden_channels=size.vocoder_channels,
        bwe_hidden_channels=size.bwe_channels,
    )


def build_upsampler(generation: Generation, size: TinySize) -> Any:
    """Doubles height and width of video latents."""
    return build(
        "diffusers.pipelines.ltx2.LTX2LatentUpsamplerModel",
        in_channels=size.video_latent_channels,
        mid_channels=size.upsampler_channels,
        num_blocks_per_stage=1,
        dims=3,
        spatial_upsample=True,
        temporal_upsample=False,
        rational_spatial_scale=2.0,
        use_rational_resampler=generation == "2.0",
    )
