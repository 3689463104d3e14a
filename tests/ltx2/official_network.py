"""Lightricks' own transformer with the weights of a checkpoint in diffusers layout."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["official_transformer"]

_THEIR_NAMES = {
    "audio_proj_in.": "audio_patchify_proj.",
    "proj_in.": "patchify_proj.",
    "av_cross_attn_video_scale_shift": "av_ca_video_scale_shift_adaln_single",
    "av_cross_attn_video_a2v_gate": "av_ca_a2v_gate_adaln_single",
    "av_cross_attn_audio_scale_shift": "av_ca_audio_scale_shift_adaln_single",
    "av_cross_attn_audio_v2a_gate": "av_ca_v2a_gate_adaln_single",
    "video_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_video",
    "audio_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_audio",
    "norm_q": "q_norm",
    "norm_k": "k_norm",
    "audio_time_embed.": "audio_adaln_single.",
    "time_embed.": "adaln_single.",
    "prompt_adaln.": "prompt_adaln_single.",
}
"""diffusers' name of a part, then ltx-core's (diffusers ``convert_ltx2_transformer_to_diffusers``);
the first that fits is taken away before the next is looked for."""

_SAME = (
    "num_attention_heads",
    "attention_head_dim",
    "in_channels",
    "out_channels",
    "num_layers",
    "cross_attention_dim",
    "norm_eps",
    "audio_num_attention_heads",
    "audio_attention_head_dim",
    "audio_in_channels",
    "audio_out_channels",
    "audio_cross_attention_dim",
    "timestep_scale_multiplier",
    "use_prompt_adaln_single",
    "ff_bias",
    "audio_ff_bias",
    "use_keyframes_abs_pos_embedding",
)


def official_transformer(network: Any) -> Any:
    """ltx-core's ``X0Model`` that computes what diffusers' ``network`` does."""
    parts = "ltx_core.model.transformer"
    model, rope = import_module(f"{parts}.model"), import_module(f"{parts}.rope")
    config = network.config
    projections = {}
    if config.use_prompt_embeddings:
        create = import_module(f"{parts}.text_projection").create_caption_projection
        projections = {
            "caption_projection": create(dict(config)),
            "audio_caption_projection": create(dict(config), audio=True),
        }
    official = model.LTXModel(
        **{name: config[name] for name in _SAME},
        **projections,
        positional_embedding_theta=config.rope_theta,
        positional_embedding_max_pos=[
            config.pos_embed_max_pos,
            config.base_height,
            config.base_width,
        ],
        audio_positional_embedding_max_pos=[config.audio_pos_embed_max_pos],
        av_ca_timestep_scale_multiplier=config.cross_attn_timestep_scale_multiplier,
        rope_type=rope.LTXRopeType(config.rope_type),
        double_precision_rope=config.rope_double_precision,
        apply_gated_attention=config.gated_attn,
        cross_attention_adaln=config.cross_attn_mod,
    )
    weights = {_their_name(name): weight for name, weight in network.state_dict().items()}
    official.to(network.dtype).load_state_dict(
        {name: weight.clone() for name, weight in weights.items()}
    )
    return model.X0Model(official.eval().requires_grad_(False))


def _their_name(name: str) -> str:
    for ours, theirs in _THEIR_NAMES.items():
        name = name.replace(ours, theirs)
    return name
