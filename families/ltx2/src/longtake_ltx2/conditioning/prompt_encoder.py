"""From a prompt to what the transformer attends to: the text encoder, then the connectors."""

from __future__ import annotations

import logging
from typing import Any

import torch
from attrs import frozen
from torch.nn.functional import pad

from longtake_ltx2.values import PromptContext

__all__ = ["PromptEncoder"]

logger = logging.getLogger(__name__)

_MAX_TOKENS = 1024


@frozen
class PromptEncoder:
    """One Gemma, its tokenizer, and the connectors.

    ``connectors``: without them the last hidden state goes to both streams. ``real_tokens_only``:
    the text encoder does not see the padding, which the connectors get as zeros; its results then
    differ by about 1e-5 of the largest value, for sums are taken in another order.
    """

    text_encoder: Any
    tokenizer: Any
    connectors: Any = None
    real_tokens_only: bool = False

    @property
    def form(self) -> tuple[torch.dtype, tuple[int, int, int], tuple[int, int, int]]:
        """The dtype of what `run` gives, and the shapes ``[1, S, D]`` for picture and sound."""
        if self.connectors is None:
            shape = (1, self._length, int(self.text_encoder.config.get_text_config().hidden_size))
            return self.text_encoder.dtype, shape, shape
        config = self.connectors.config
        video, audio = (
            config[f"{stream}_connector_num_attention_heads"]
            * config[f"{stream}_connector_attention_head_dim"]
            for stream in ("video", "audio")
        )
        return self.connectors.dtype, (1, self._length, video), (1, self._length, audio)

    @torch.no_grad()
    def run(self, prompt: str) -> PromptContext:
        """Both networks on ``prompt``, on the text encoder's device."""
        tokens = self._tokens(prompt)
        ids, mask = tokens["input_ids"], tokens["attention_mask"]
        hidden = self._hidden(ids, mask)
        if self.connectors is None:
            return PromptContext(hidden[-1], hidden[-1])
        packed = torch.stack(hidden, dim=-1).flatten(2).to(self.text_encoder.dtype)
        video, audio, _ = self.connectors(packed, mask, padding_side="left")
        return PromptContext(video, audio)

    def _hidden(self, ids: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        """The hidden states ``[1, S, D]`` of all layers; no logits of any token are computed."""
        padding = int((mask[0] == 0).sum()) if self.real_tokens_only else 0
        hidden = self.text_encoder(
            input_ids=ids[:, padding:],
            attention_mask=mask[:, padding:],
            output_hidden_states=True,
            logits_to_keep=torch.empty(0, dtype=torch.long, device=ids.device),
            use_cache=False,
        ).hidden_states
        return [pad(layer, (0, 0, padding, 0)) for layer in hidden] if padding else list(hidden)

    @property
    def _length(self) -> int:
        return int(min(_MAX_TOKENS, self.tokenizer.model_max_length))

    def _tokens(self, prompt: str) -> dict[str, torch.Tensor]:
        tokenizer, length = self.tokenizer, self._length
        tokenizer.padding_side = "left"  # Gemma's
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        if (count := len(tokenizer(prompt, verbose=False).input_ids)) > length:
            logger.warning("the prompt has %d tokens, those after %d are cut", count, length)
        encoded = tokenizer(
            [prompt],
            padding="max_length",
            max_length=length,
            truncation=True,
            add_special_tokens=True,
            return_tensors="pt",
        )
        device = self.text_encoder.device
        return {name: encoded[name].to(device) for name in ("input_ids", "attention_mask")}
