"""The networks of the tiny LTX-2: diffusers' and transformers' own classes, before they learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from training.learned_tiny.sounds import MEL_BINS
from training.learned_tiny.stories import grammar

__all__ = [
    "AUDIO_CHANNELS",
    "LATENT_CHANNELS",
    "TEXT_LENGTH",
    "audio_vae",
    "connectors",
    "hidden_states",
    "scheduler",
    "text_encoder",
    "tokenizer",
    "transformer",
    "video_vae",
    "vocoder",
]

LATENT_CHANNELS = 64
"""Of the video VAE."""
AUDIO_CHANNELS = 4
"""Of the audio VAE."""
TEXT_LENGTH = 16
"""Tokens."""
_TEXT_WIDTH, _TEXT_LAYERS = 64, 2
_HEADS, _VIDEO_HEAD, _AUDIO_HEAD, _LAYERS = 4, 32, 16, 4
_SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<boi>", "<eoi>", "<image>")


def video_vae() -> Any:
    """32 times smaller in space and 8 times in time, as the published one's."""
    import diffusers

    levels = ("spatiotemporal", "spatiotemporal", "temporal")
    return diffusers.AutoencoderKLLTX2Video(
        latent_channels=LATENT_CHANNELS,
        patch_size=8,
        block_out_channels=(64, 128, 64),
        down_block_types=("LTX2VideoDownBlock3D",) * 3,
        layers_per_block=(1, 1, 1, 1),
        spatio_temporal_scaling=(True,) * 3,
        downsample_type=levels,
        decoder_block_out_channels=(48, 48, 48),
        decoder_layers_per_block=(1, 1, 1, 1),
        decoder_causal=False,
        upsample_type=levels,
        upsample_residual=(True,) * 3,
        upsample_factor=(1, 1, 1),
        decoder_spatio_temporal_scaling=(True,) * 3,
        decoder_spatial_padding_mode="zeros",
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )


def audio_vae() -> Any:
    """25 latents a second."""
    import diffusers

    return diffusers.AutoencoderKLLTX2Audio(
        base_channels=AUDIO_CHANNELS * MEL_BINS // 4,  # its statistics have this length
        latent_channels=AUDIO_CHANNELS,
        mel_bins=MEL_BINS,
        ch_mult=(1, 2, 2),
        num_res_blocks=1,
    )


def vocoder() -> Any:
    """24 kHz, two channels."""
    from diffusers.pipelines.ltx2 import LTX2Vocoder

    return LTX2Vocoder(
        in_channels=2 * MEL_BINS,
        hidden_channels=64,
        upsample_kernel_sizes=[20, 48],
        upsample_factors=[10, 24],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1]],
    )


def tokenizer() -> Any:
    """Byte-level BPE that knows every word of the grammar; other words fall into bytes."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=list(_SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(grammar(), trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", made.token_to_id("<bos>"))]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=TEXT_LENGTH,
        padding_side="left",
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
    )


def text_encoder(vocabulary: int, seed: int) -> Any:
    """Gemma 3 with random weights, which do not learn."""
    import transformers

    text = {
        "vocab_size": vocabulary,
        "hidden_size": _TEXT_WIDTH,
        "intermediate_size": 2 * _TEXT_WIDTH,
        "num_hidden_layers": _TEXT_LAYERS,
        "layer_types": ["sliding_attention", "full_attention"],
        "sliding_window": TEXT_LENGTH,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": TEXT_LENGTH,
        "query_pre_attn_scalar": 16,
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
    ids = {f"{name}_token_index": _SPECIAL_TOKENS.index(f"<{name}>") for name in ("boi", "eoi")}
    config = transformers.Gemma3Config(
        text_config=text,
        vision_config=vision,
        mm_tokens_per_image=4,
        image_token_index=_SPECIAL_TOKENS.index("<image>"),
        **ids,
    )
    model = transformers.Gemma3ForConditionalGeneration(config=config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:  # keeps the variance
                drawn = torch.randn(weight.shape, generator=generator)
                weight.copy_(drawn / weight[0].numel() ** 0.5)
    return model.eval().requires_grad_(False)


def connectors() -> Any:
    """From the text encoder's states to what the transformer reads."""
    from diffusers.pipelines.ltx2 import LTX2TextConnectors

    return LTX2TextConnectors(
        caption_channels=_TEXT_WIDTH,
        text_proj_in_factor=_TEXT_LAYERS + 1,
        video_connector_num_attention_heads=4,
        video_connector_attention_head_dim=16,
        video_connector_num_learnable_registers=TEXT_LENGTH,
        video_connector_num_layers=1,
        audio_connector_num_attention_heads=4,
        audio_connector_attention_head_dim=16,
        audio_connector_num_learnable_registers=TEXT_LENGTH,
        audio_connector_num_layers=1,
        rope_type="split",
    )


def transformer() -> Any:
    """LTX-2.0's, whose places are told in the units of small pictures and short takes."""
    import diffusers

    audio_channels = AUDIO_CHANNELS * MEL_BINS // 4
    return diffusers.LTX2VideoTransformer3DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=_HEADS,
        attention_head_dim=_VIDEO_HEAD,
        cross_attention_dim=_HEADS * _VIDEO_HEAD,
        audio_in_channels=audio_channels,
        audio_out_channels=audio_channels,
        audio_num_attention_heads=_HEADS,
        audio_attention_head_dim=_AUDIO_HEAD,
        audio_cross_attention_dim=_HEADS * _AUDIO_HEAD,
        num_layers=_LAYERS,
        caption_channels=_TEXT_WIDTH,
        rope_type="split",
        rope_theta=100.0,
        base_height=128,
        base_width=128,
        pos_embed_max_pos=5,
        audio_pos_embed_max_pos=5,
        use_prompt_embeddings=True,
    )


def scheduler() -> Any:
    """The published checkpoints'."""
    import diffusers

    return diffusers.FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        shift_terminal=0.1,
    )


def hidden_states(
    tokens: Any, encoder: Any, prompts: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """All states of the text encoder ``[n, TEXT_LENGTH, width * layers]``, and the mask."""
    said = tokens(
        list(prompts),
        padding="max_length",
        max_length=TEXT_LENGTH,
        truncation=True,
        return_tensors="pt",
    )
    with torch.no_grad():
        states = encoder.model(
            input_ids=said.input_ids,
            attention_mask=said.attention_mask,
            output_hidden_states=True,
            use_cache=False,
        ).hidden_states
    return torch.stack(states, -1).flatten(2), said.attention_mask
