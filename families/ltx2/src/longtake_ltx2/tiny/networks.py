"""The networks of a tiny LTX-2 checkpoint: published configurations, small widths and depths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longtake_ltx2.tiny.autoencoders import (
    build_audio_vae,
    build_diffusion_decoder,
    build_upsampler,
    build_video_vae,
    build_vocoder,
)
from longtake_ltx2.tiny.building import build
from longtake_ltx2.tiny.text import TEXT_LAYERS, build_text_encoder, build_tokenizer

if TYPE_CHECKING:
    from longtake_ltx2.tiny.sizes import Generation, TinySize


def build_components(generation: Generation, size: TinySize) -> dict[str, Any]:
    """What diffusers' pipeline is made of; what is not said in this package is its default."""
    components = {
        "scheduler": build(
            "diffusers.FlowMatchEulerDiscreteScheduler",
            use_dynamic_shifting=True,
            base_shift=0.95,
            max_shift=2.05,
            base_image_seq_len=1024,
            max_image_seq_len=4096,
            shift_terminal=0.1,
        ),
        "tokenizer": build_tokenizer(generation, size),
        "text_encoder": build_text_encoder(generation, size),
        "connectors": _connectors(generation, size),
        "transformer": _transformer(generation, size),
        "vae": build_video_vae(generation, size),
        "audio_vae": build_audio_vae(size),
        "vocoder": build_vocoder(generation, size),
    }
    return components | ({"duration_head": _duration_head(size)} if generation == "2.5" else {})


def build_extras(generation: Generation, size: TinySize) -> dict[str, Any]:
    """What lies beside diffusers' pipeline, by folder."""
    extras = {"spatial_upsampler": build_upsampler(generation, size)}
    newest = {"diffusion_decoder": build_diffusion_decoder(size)} if generation == "2.5" else {}
    return extras | newest


def _connectors(generation: Generation, size: TinySize) -> Any:
    per_modality = generation != "2.0"
    video_dim = size.video_head_dim if per_modality else size.text_width // size.heads
    audio_dim = size.audio_head_dim if per_modality else size.text_width // size.heads
    return build(
        "diffusers.pipelines.ltx2.LTX2TextConnectors",
        caption_channels=size.text_width,
        text_proj_in_factor=TEXT_LAYERS + 1,  # every hidden state: the embedding and each layer
        video_connector_num_attention_heads=size.heads,
        video_connector_attention_head_dim=video_dim,
        video_connector_num_learnable_registers=size.registers,
        video_gated_attn=per_modality,
        audio_connector_num_attention_heads=size.heads,
        audio_connector_attention_head_dim=audio_dim,
        audio_connector_num_learnable_registers=size.registers,
        audio_gated_attn=per_modality,
        rope_type="split",
        per_modality_projections=per_modality,
        video_hidden_dim=size.video_width,
        audio_hidden_dim=size.audio_width,
        proj_bias=per_modality,
    )


def _transformer(generation: Generation, size: TinySize) -> Any:
    newer = generation != "2.0"
    newest = {"ff_bias": False, "use_keyframes_abs_pos_embedding": True}
    return build(
        "diffusers.LTX2VideoTransformer3DModel",
        in_channels=size.video_latent_channels,
        out_channels=size.video_latent_channels,
        num_attention_heads=size.heads,
        attention_head_dim=size.video_head_dim,
        cross_attention_dim=size.video_width,
        audio_in_channels=size.audio_token_channels,
        audio_out_channels=size.audio_token_channels,
        audio_num_attention_heads=size.heads,
        audio_attention_head_dim=size.audio_head_dim,
        audio_cross_attention_dim=size.audio_width,
        num_layers=size.layers,
        caption_channels=size.text_width,
        rope_type="split",
        gated_attn=newer,
        cross_attn_mod=newer,
        audio_gated_attn=newer,
        audio_cross_attn_mod=newer,
        use_prompt_embeddings=not newer,
        perturbed_attn=newer,
        **(newest if generation == "2.5" else {}),
    )


def _duration_head(size: TinySize) -> Any:
    return build(
        "diffusers.pipelines.ltx2.duration_head.LTX2DurationHead",
        video_cross_attention_dim=size.video_width,
        audio_cross_attention_dim=size.audio_width,
        pooler_hidden_dim=size.text_width,
        mlp_hidden_dim=size.text_width,
    )
