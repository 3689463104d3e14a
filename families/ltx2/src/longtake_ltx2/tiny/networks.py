"""The networks of a tiny LTX-2 checkpoint: published configurations, small widths and depths."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longtake_ltx2.tiny import Generation, TinySize

_SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<boi>", "<eoi>", "<image>")
_BYTES = 256
_TEXT_LAYERS = 2


def build_components(generation: Generation, size: TinySize) -> dict[str, Any]:
    """Networks with the published configurations; what is not named here is diffusers' default."""
    build_vocoder = _vocoder if generation == "2.0" else _vocoder_with_extension
    return {
        "scheduler": build(
            "diffusers.FlowMatchEulerDiscreteScheduler",
            use_dynamic_shifting=True,
            base_shift=0.95,
            max_shift=2.05,
            base_image_seq_len=1024,
            max_image_seq_len=4096,
            shift_terminal=0.1,
        ),
        "tokenizer": _tokenizer(size),
        "text_encoder": _text_encoder(size),
        "connectors": _connectors(generation, size),
        "transformer": _transformer(generation, size),
        "vae": _video_vae(generation, size),
        "audio_vae": _audio_vae(size),
        "vocoder": build_vocoder(size),
    }


def build(name: str, **config: Any) -> Any:
    """Make `name`, a class's full path. The libraries' constructors are not typed."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)(**config)


def _tokenizer(size: TinySize) -> Any:
    """One token per UTF-8 byte, ids after the special tokens, `<bos>` first, padded on the left."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate((*_SPECIAL_TOKENS, *characters))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in _SPECIAL_TOKENS])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", vocabulary["<bos>"])]
    )
    return build(
        "transformers.PreTrainedTokenizerFast",
        tokenizer_object=tokenizer,
        model_max_length=size.text_length,
        padding_side="left",
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
    )


def _text_encoder(size: TinySize) -> Any:
    text = {
        "vocab_size": len(_SPECIAL_TOKENS) + _BYTES,
        "hidden_size": size.text_width,
        "intermediate_size": 2 * size.text_width,
        "num_hidden_layers": _TEXT_LAYERS,
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": size.text_length // 4,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "query_pre_attn_scalar": 16,
        "max_position_embeddings": size.text_length,
    }
    vision = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 8,
        "patch_size": 4,
        "vision_use_head": False,
    }
    tokens = {name: _SPECIAL_TOKENS.index(f"<{name}>") for name in ("boi", "eoi", "image")}
    indices = {f"{name}_token_index": index for name, index in tokens.items()}
    config = build(
        "transformers.Gemma3Config",
        text_config=text,
        vision_config=vision,
        mm_tokens_per_image=4,
        **indices,
    )
    return build("transformers.Gemma3ForConditionalGeneration", config=config)


def _connectors(generation: Generation, size: TinySize) -> Any:
    per_modality = generation == "2.3"
    video_dim = size.video_head_dim if per_modality else size.text_width // size.heads
    audio_dim = size.audio_head_dim if per_modality else size.text_width // size.heads
    return build(
        "diffusers.pipelines.ltx2.LTX2TextConnectors",
        caption_channels=size.text_width,
        text_proj_in_factor=_TEXT_LAYERS + 1,  # every hidden state: the embedding and each layer
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
    newer = generation == "2.3"
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
    )


def _video_vae(generation: Generation, size: TinySize) -> Any:
    width = size.vae_channels
    decoder: dict[str, Any] = {"decoder_block_out_channels": (width, 2 * width, 4 * width)}
    if generation == "2.3":
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


def _audio_vae(size: TinySize) -> Any:
    return build(
        "diffusers.AutoencoderKLLTX2Audio",
        base_channels=size.audio_token_channels,
        latent_channels=size.audio_latent_channels,
        mel_bins=size.mel_bins,
    )


def _vocoder(size: TinySize) -> Any:
    return build(
        "diffusers.pipelines.ltx2.LTX2Vocoder",
        in_channels=2 * size.mel_bins,
        hidden_channels=size.vocoder_channels,
    )


def _vocoder_with_extension(size: TinySize) -> Any:
    return build(
        "diffusers.pipelines.ltx2.LTX2VocoderWithBWE",
        in_channels=2 * size.mel_bins,
        hidden_channels=size.vocoder_channels,
        bwe_hidden_channels=size.bwe_channels,
    )
