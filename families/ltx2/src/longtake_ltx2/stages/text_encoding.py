"""Prompt to text context."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import longtake as lt
from longtake_ltx2.conditioning.encoded_text import EncodedText, read_text
from longtake_ltx2.conditioning.prompt_encoder import PromptEncoder
from longtake_ltx2.conditioning.text_memory import TextMemory
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.texts import CarriedText, CarriedTexts
from longtake_ltx2.denoising.guidance import needs_negative
from longtake_ltx2.estimating.arrays import array
from longtake_ltx2.loading.fingerprint import fingerprint_of_text
from longtake_ltx2.numerics import OFFICIAL, Numerics
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.stage_overrides import (
    LTX2DenoiseOptions,
    LTX2LoopOptions,
    LTX2RefineStageOverride,
)
from longtake_ltx2.values import PromptContext, TextContext

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2TextEncodingStage"]


class LTX2TextEncodingStage:
    """Runs the text encoder and the connectors; what they gave for a prompt is remembered.

    For the next time, in ``memory``; and for the next segment, wherever it is made, by states that
    refer to it in a blob store.

    ``text_encoders``, ``tokenizers``: one Gemma and its tokenizer. ``connectors``: without them
    the last hidden state goes to both streams. ``config``: what they were loaded with,
    ``model_path`` included; without it states do not refer to texts.
    """

    def __init__(
        self,
        text_encoders: Sequence[Any],
        tokenizers: Sequence[Any],
        connectors: Any = None,
        *,
        numerics: Numerics = OFFICIAL,
        config: LTX2T2VConfig | None = None,
    ) -> None:
        (text_encoder,) = text_encoders
        (tokenizer,) = tokenizers
        chosen = LTX2T2VConfig() if config is None else config
        self._encoder = PromptEncoder(text_encoder, tokenizer, connectors, chosen.text_real_tokens)
        self._numerics = numerics
        self._fingerprint = fingerprint_of_text(config)
        self._model: str | None = None
        self.memory = TextMemory(chosen.text_cache_bytes)

    def __call__(
        self,
        job: lt.Job,
        options: LTX2DenoiseOptions,
        refine: LTX2RefineStageOverride | None,
        state: LTX2ContinuationState | None,
        run: lt.Run,
        used: lt.UsedPrompt | None,
    ) -> tuple[TextContext, CarriedTexts]:
        """The negative prompt is encoded only when a scale of either pass asks for it.

        ``used``: what the prompt was rewritten to.
        """
        before = () if state is None else state.texts
        loops = [options] if refine is None else [options, refine]
        prompts = [(job.prompt if used is None else used.text).strip()]
        if needs_negative(loops, self._numerics, job.output):
            prompts.append(job.negative_prompt.strip())
        texts = {prompt: self._encoded(prompt, before) for prompt in prompts}
        contexts = [texts[prompt].on(run.device) for prompt in prompts]
        return TextContext(*contexts), self._carried(job, before, texts)

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
        return self._encoded(prompt.strip(), ()).on(self._encoder.text_encoder.device)

    def _encoded(self, prompt: str, before: Sequence[CarriedText]) -> EncodedText:
        """What is remembered, else what the state before refers to, else what is run now."""
        if (known := self.memory.get(prompt)) is not None:
            return known
        carried = self._carried_before(prompt, before)
        if carried is not None and (known := self._read(carried)) is not None:
            return known
        encoded = EncodedText(self._encoder.run(prompt))
        self.memory.keep(prompt, encoded)
        return encoded

    def _read(self, carried: CarriedText) -> EncodedText | None:
        # By its digest, too: a state may come from a stranger, who must not be able to say what
        # the prompt is for anybody else.
        key = (carried.key, carried.sha256)
        if (known := self.memory.get(key)) is not None:
            return known
        file = carried.file()
        read = None if file is None else read_text(file, self._encoder.form)
        if read is not None:
            self.memory.keep(key, read)
        return read

    def _carried_before(self, prompt: str, before: Sequence[CarriedText]) -> CarriedText | None:
        if not before or self._fingerprint is None:
            return None
        key = self._key(prompt)
        return next((each for each in before if each.key == key), None)

    def _carried(
        self, job: lt.Job, before: Sequence[CarriedText], texts: Mapping[str, EncodedText]
    ) -> CarriedTexts:
        if self._fingerprint is None or not job.output.return_state:
            return CarriedTexts()
        carried = []
        for prompt, text in texts.items():
            known = self._carried_before(prompt, before)
            made = CarriedText(self._key(prompt), text)
            carried.append(made if known is None else known.followed_by(text))
        return CarriedTexts(tuple(carried))

    def _key(self, prompt: str) -> str:
        assert self._fingerprint is not None
        if self._model is None:
            self._model = self._fingerprint()
        return hashlib.sha256(f"{self._model}\n{prompt}".encode()).hexdigest()
