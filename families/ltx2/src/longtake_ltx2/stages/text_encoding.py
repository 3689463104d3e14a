"""Prompt to text context."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

import longtake as lt
from longtake_ltx2.denoising.guidance import needs_negative
from longtake_ltx2.estimating.arrays import array
from longtake_ltx2.numerics import OFFICIAL, Numerics
from longtake_ltx2.stage_overrides import (
    LTX2DenoiseOptions,
    LTX2LoopOptions,
    LTX2RefineStageOverride,
)
from longtake_ltx2.values import PromptContext, TextContext

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2TextEncodingStage"]

logger = logging.getLogger(__name__)

_MAX_TOKENS = 1024
_REMEMBERED_PROMPTS = 16


class LTX2TextEncodingStage:
    """Runs the text encoder and the connectors; what they gave for a prompt is remembered.

    ``text_encoders``, ``tokenizers``: one Gemma and its tokenizer. ``connectors``: without them
    the last hidden state goes to both streams.
    """

    def __init__(
        self,
        text_encoders: Sequence[Any],
        tokenizers: Sequence[Any],
        connectors: Any = None,
        *,
        numerics: Numerics = OFFICIAL,
    ) -> None:
        (self._text_encoder,) = text_encoders
        (self._tokenizer,) = tokenizers
        self._connectors = connectors
        self._numerics = numerics
        self._remembered: OrderedDict[str, PromptContext] = OrderedDict()

    def __call__(
        self, job: lt.Job, options: LTX2DenoiseOptions, refine: LTX2RefineStageOverride | None
    ) -> TextContext:
        """The negative prompt is encoded only when a scale of either pass asks for it."""
        positive = self.encode(job.prompt)
        loops = [options] if refine is None else [options, refine]
        if not needs_negative(loops, self._numerics, job.output):
            return TextContext(positive)
        return TextContext(positive, self.encode(job.negative_prompt))

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """The negative prompt of a take is run once; every segment may have a prompt of its own."""
        networks, tokens = scene.networks, scene.networks.text_tokens
        encoder, precision = networks.text_encoder, networks.precisions["text_encoder"]
        connectors = networks.connectors(tokens)
        flops = encoder.flops(tokens) + connectors.flops
        passes = {"positive": flops}
        prompts = ["positive"]
        loops = [o for o in scene.stage_options.values() if isinstance(o, LTX2LoopOptions)]
        if needs_negative(loops, scene.numerics, scene.job.output):
            prompts.append("negative")
            if scene.job.segment_index == 0:
                passes["negative"] = flops
        packed = 2 * encoder.hidden_bytes(tokens, precision.size) + connectors.activation_bytes
        return lt.StageEstimate(
            values=[
                array(f"TextContext.{prompt}.{stream}", shape, precision.name)
                for prompt in prompts
                for stream, shape in zip(("video", "audio"), connectors.shapes, strict=False)
            ],
            passes=[lt.PassEstimate(name, count) for name, count in passes.items()],
            weights=networks.weights("text_encoder", "connectors"),
            activation_bytes=max(packed, encoder.activation_bytes(tokens, precision.size)),
        )

    def encode(self, prompt: str) -> PromptContext:
        """One prompt, as it was remembered or run now."""
        prompt = prompt.strip()
        if prompt not in self._remembered:
            self._remembered[prompt] = self._run(prompt)
            if len(self._remembered) > _REMEMBERED_PROMPTS:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(prompt)
        return self._remembered[prompt]

    @torch.no_grad()
    def _run(self, prompt: str) -> PromptContext:
        tokens = self._tokens(prompt)
        mask = tokens["attention_mask"]
        hidden = self._text_encoder(
            input_ids=tokens["input_ids"],
            attention_mask=mask,
            output_hidden_states=True,
            logits_to_keep=1,
            use_cache=False,
        ).hidden_states
        if self._connectors is None:
            return PromptContext(hidden[-1], hidden[-1])
        packed = torch.stack(hidden, dim=-1).flatten(2).to(self._text_encoder.dtype)
        video, audio, _ = self._connectors(packed, mask, padding_side="left")
        return PromptContext(video, audio)

    def _tokens(self, prompt: str) -> dict[str, torch.Tensor]:
        tokenizer = self._tokenizer
        tokenizer.padding_side = "left"  # Gemma's
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        length = min(_MAX_TOKENS, tokenizer.model_max_length)
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
        device = self._text_encoder.device
        return {name: encoded[name].to(device) for name in ("input_ids", "attention_mask")}
