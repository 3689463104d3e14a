"""The tokenizer and the text encoders of a tiny checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longtake_ltx2.tiny.building import build

if TYPE_CHECKING:
    from longtake_ltx2.tiny.sizes import Generation, TinySize

TEXT_LAYERS = 2

_SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<boi>", "<eoi>", "<image>")
_SPECIAL_TOKENS_OF_GEMMA_4 = (*_SPECIAL_TOKENS, "<boa>", "<eoa>", "<audio>", "<video>")
_BYTES = 256
_LAYER_TYPES = ["sliding_attention", "full_attention"]

_CHAT_TEMPLATE = """\
{{ bos_token }}{% for message in messages %}{{ message['role'] }}:
{% if message['content'] is string %}{{ message['content'] }}{% else %}\
{% for part in message['content'] %}\
{% if part['type'] == 'image' %}{{ boi_token }}{% else %}{{ part['text'] }}{% endif %}\
{% endfor %}{% endif %}

{% endfor %}{% if add_generation_prompt %}model:
{% endif %}"""
_IMAGE_TOKENS = 4


def build_processor_config(generation: Generation) -> dict[str, Any]:
    """What makes pictures of 8x8 pixels for the vision of Gemma 3; none for Gemma 4's."""
    if generation == "2.5":
        return {}
    image: dict[str, Any] = {
        "image_processor_type": "Gemma3ImageProcessor",
        "size": {"height": 8, "width": 8},
    }
    image |= {"do_rescale": True, "do_normalize": True, "do_resize": True, "resample": 2}
    image |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "image_seq_length": _IMAGE_TOKENS}
    return {
        "processor_class": "Gemma3Processor",
        "image_seq_length": _IMAGE_TOKENS,
        "image_processor": image,
    }


def build_tokenizer(generation: Generation, size: TinySize) -> Any:
    """One token per UTF-8 byte, ids after the special tokens, `<bos>` first, padded on the left."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    special = _special_tokens(generation)
    characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate((*special, *characters))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", vocabulary["<bos>"])]
    )
    return build(
        "transformers.PreTrainedTokenizerFast",
        chat_template=_CHAT_TEMPLATE,
        extra_special_tokens={f"{name}_token": f"<{name}>" for name in ("boi", "eoi", "image")},
        tokenizer_object=tokenizer,
        model_max_length=size.text_length,
        padding_side="left",
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
    )


def build_text_encoder(generation: Generation, size: TinySize) -> Any:
    """Gemma 3 up to 2.3, Gemma 4 from then on."""
    return _gemma_4(size) if generation == "2.5" else _gemma_3(size)


def _gemma_3(size: TinySize) -> Any:
    text = {
        **_text_config(size, _SPECIAL_TOKENS),
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
    tokens = {name: _SPECIAL_TOKENS.index(f"<{name}>") for name in ("boi", "eoi", "image")}
    indices = {f"{name}_token_index": index for name, index in tokens.items()}
    config = build(
        "transformers.Gemma3Config",
        text_config=text,
        vision_config=vision,
        mm_tokens_per_image=_IMAGE_TOKENS,
        **indices,
    )
    return build("transformers.Gemma3ForConditionalGeneration", config=config)


def _gemma_4(size: TinySize) -> Any:
    """As the dense Gemma 4: wider global heads, fewer of them, whose values are their keys."""
    special = _SPECIAL_TOKENS_OF_GEMMA_4
    text = {
        **_text_config(size, special),
        "global_head_dim": 32,
        "num_global_key_value_heads": 1,
        "num_key_value_heads": 2,
        "attention_k_eq_v": True,
        "final_logit_softcapping": 30.0,
    }
    names = ("boi", "eoi", "image", "video", "boa", "audio")
    config = build(
        "transformers.Gemma4UnifiedConfig",
        text_config=text,
        vision_config={
            "patch_size": 4,
            "mm_embed_dim": 8,
            "mm_posemb_size": 16,
            "output_proj_dims": 8,
        },
        audio_config={"audio_embed_dim": 8},
        eoa_token_index=special.index("<eoa>"),
        **{f"{name}_token_id": special.index(f"<{name}>") for name in names},
    )
    return build("transformers.Gemma4UnifiedForConditionalGeneration", config=config)


def _text_config(size: TinySize, special: tuple[str, ...]) -> dict[str, Any]:
    return {
        "vocab_size": len(special) + _BYTES,
        "hidden_size": size.text_width,
        "intermediate_size": 2 * size.text_width,
        "num_hidden_layers": TEXT_LAYERS,
        "layer_types": _LAYER_TYPES,
        "sliding_window": size.text_length // 4,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": size.text_length,
    }


def _special_tokens(generation: Generation) -> tuple[str, ...]:
    return _SPECIAL_TOKENS_OF_GEMMA_4 if generation == "2.5" else _SPECIAL_TOKENS
