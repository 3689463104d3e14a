"""FLOPs, weights and memory of the text encoder, from its configuration alone.

The text part of Gemma 3 (transformers ``Gemma3TextModel``): grouped-query attention, a gated
feed-forward, the embedding shared with the output. Gemma 4 differs in its layers of full
attention, which may have wider heads and take their values from the keys; transformers says so of
all of them (``global_head_dim``) or of each (``per_layer_config``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import field, frozen

from longtake_ltx2.estimating.transformer import STREAMED_BLOCKS

__all__ = ["TextEncoderConfig"]

_FULL = "full_attention"
_WORKING = 3
"""Hidden layers of the feed-forward at once: gate, up, and their product."""


@frozen(kw_only=True)
class TextEncoderConfig:
    """The fields of the configuration that the cost depends on; transformers' defaults."""

    vocab_size: int = 262_208
    hidden_size: int = 2304
    intermediate_size: int = 9216
    num_hidden_layers: int = 26
    num_attention_heads: int = 8
    num_key_value_heads: int = 4
    head_dim: int = 256
    layer_types: tuple[str, ...] = ()
    global_head_dim: int | None = None
    num_global_key_value_heads: int | None = None
    attention_k_eq_v: bool = False
    num_kv_shared_layers: int = 0
    per_layer_config: Mapping[str, Mapping[str, Any]] = field(factory=dict)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TextEncoderConfig:
        """From the content of ``text_encoder/config.json``, of the text part or of the whole."""
        text = config.get("text_config") or config
        known = {each.name for each in attrs.fields(cls)}
        chosen = {name: value for name, value in text.items() if name in known}
        chosen["layer_types"] = tuple(chosen.get("layer_types") or ())
        chosen["per_layer_config"] = chosen.get("per_layer_config") or {}
        return cls(**chosen)

    @property
    def parameters(self) -> int:
        """How many numbers the weights of the text part are."""
        return sum(self._layers) + (self.vocab_size + 1) * self.hidden_size

    @property
    def streamed_parameters(self) -> int:
        """How many of them are on the device while its layers are streamed, room for the largest.

        Both rooms are as large as that.
        """
        rooms = min(STREAMED_BLOCKS, self.num_hidden_layers) * max(self._layers)
        return self.parameters - sum(self._layers) + rooms

    @property
    def _layers(self) -> list[int]:
        norms = 4 * self.hidden_size + 2 * self.head_dim
        return [self._projected(layer) + norms for layer in range(self.num_hidden_layers)]

    def flops(self, tokens: int) -> int:
        """Of one prompt; no logits are computed."""
        return sum(
            2 * tokens * self._projected(layer) + 4 * tokens**2 * self._attention_width(layer)
            for layer in range(self.num_hidden_layers)
        )

    def writing_flops(self, known: int, count: int) -> int:
        """Of writing ``count`` tokens behind ``known`` ones, whose keys and values are kept.

        Of the known ones the logits are computed for the last alone.
        """
        linear = sum(2 * self._projected(layer) for layer in range(self.num_hidden_layers))
        width = sum(4 * self._attention_width(layer) for layer in range(self.num_hidden_layers))
        behind = sum(known + written for written in range(1, count))
        logits = 2 * count * self.hidden_size * self.vocab_size
        return self.flops(known) + (count - 1) * linear + behind * width + logits

    def kept_bytes(self, tokens: int, element_size: int) -> int:
        """Keys and values of all layers."""
        widths = (self._key_heads(n) * self._head_dim(n) for n in range(self.num_hidden_layers))
        return 2 * tokens * sum(widths) * element_size

    def hidden_bytes(self, tokens: int, element_size: int) -> int:
        """The hidden states of all layers, which the connectors read."""
        return (self.num_hidden_layers + 1) * tokens * self.hidden_size * element_size

    def activation_bytes(self, tokens: int, element_size: int) -> int:
        """What a run holds at most beside the weights."""
        working = _WORKING * tokens * self.intermediate_size * element_size
        return self.hidden_bytes(tokens, element_size) + working

    def _projected(self, layer: int) -> int:
        """Weights of a layer's matrices: queries, keys, values, output, feed-forward."""
        keys = self._key_heads(layer) * self._head_dim(layer)
        if layer >= self.num_hidden_layers - self.num_kv_shared_layers:
            keys_and_values = 0
        elif self.attention_k_eq_v and self._is_full(layer):
            keys_and_values = keys
        else:
            keys_and_values = 2 * keys
        widths = 2 * self._attention_width(layer) + keys_and_values + 3 * self.intermediate_size
        return self.hidden_size * widths

    def _attention_width(self, layer: int) -> int:
        return self.num_attention_heads * self._head_dim(layer)

    def _key_heads(self, layer: int) -> int:
        wide = self._is_full(layer) and self.attention_k_eq_v
        usual = (wide and self.num_global_key_value_heads) or self.num_key_value_heads
        return int(self._own(layer).get("num_key_value_heads", usual))

    def _head_dim(self, layer: int) -> int:
        usual = (self._is_full(layer) and self.global_head_dim) or self.head_dim
        return int(self._own(layer).get("head_dim", usual))

    def _own(self, layer: int) -> Mapping[str, Any]:
        """What the configuration says of this layer alone."""
        return self.per_layer_config.get(str(layer), {})

    def _is_full(self, layer: int) -> bool:
        return layer < len(self.layer_types) and self.layer_types[layer] == _FULL
