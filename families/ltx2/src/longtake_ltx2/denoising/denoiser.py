"""The forward passes of one step, as predictions of the clean latents of both streams."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from attrs import frozen

import longtake as lt
from longtake_ltx2.denoising.forward import Both, Forward
from longtake_ltx2.denoising.guidance import Guidance, Predictions
from longtake_ltx2.denoising.passes import BlockInputs, not_perturbed, recording, restarting
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.values import Geometry, NoisyLatents, PromptContext, TextContext

__all__ = ["Denoiser"]


@frozen(eq=False)
class Denoiser:
    """The transformer, one segment's conditioning and text, and the numerics to follow."""

    transformer: Any
    numerics: Numerics
    noisy: NoisyLatents
    text: TextContext
    geometry: Geometry
    guidance: Guidance

    def predictions(
        self, video: torch.Tensor, audio: torch.Tensor, sigma: torch.Tensor
    ) -> tuple[Predictions, Predictions]:
        """Clean latents of every pass that the guidance needs, for the picture and the sound.

        ``video``, ``audio``: ``[1, T, C]`` fp32. ``sigma``: 0-D fp32, the step's noise level.
        """
        level = Forward(
            self.transformer, self.numerics, self.noisy, self.geometry, video, audio, sigma
        )
        passes = self._passes(level)
        return (
            Predictions(**{name: both[0] for name, both in passes.items()}),
            Predictions(**{name: both[1] for name, both in passes.items()}),
        )

    def _passes(self, level: Forward) -> dict[str, Both]:
        guidance, text = self.guidance, self.text
        passes = {}
        # Without perturbed attention (converted 2.0 checkpoints) the pass would change nothing.
        if guidance.needs_perturbed and self.transformer.config.perturbed_attn:
            passes["positive"], passes["perturbed"] = self._positive_and_perturbed(level)
        else:
            passes["positive"] = level.run(text.positive)
        if guidance.needs_negative:
            if text.negative is None:
                raise lt.WiringError(
                    "the guidance needs the negative prompt, which was not encoded: the text stage "
                    "knows the loops of LTX2DenoiseOptions and LTX2RefineStageOverride alone"
                )
            passes["negative"] = level.run(self._negative(text.positive, text.negative))
        if guidance.needs_isolated:
            passes["isolated"] = level.run(text.positive, isolated=True)
        return passes

    def _negative(self, positive: PromptContext, negative: PromptContext) -> PromptContext:
        """What is not made keeps its positive prompt (ltx-pipelines ``a2vid_two_stage``)."""
        frozen = self.noisy.video.is_frozen, self.noisy.audio.is_frozen
        return PromptContext(
            video=(positive if frozen[0] else negative).video,
            audio=(positive if frozen[1] else negative).audio,
        )

    def _positive_and_perturbed(self, level: Forward) -> tuple[Both, Both]:
        """The perturbed pass goes on from where it first differs: the same numbers, less work."""
        first = min(self.guidance.blocks)
        with recording(self.transformer, first) as inputs:
            positive = level.run(self.text.positive)
        return positive, self._perturbed(level, first, inputs)

    def _perturbed(self, level: Forward, first: int, inputs: BlockInputs) -> Both:
        blocks = [self.transformer.transformer_blocks[index] for index in self.guidance.blocks]
        with ExitStack() as hooks:
            if not self.guidance.perturbs_video:
                hooks.enter_context(not_perturbed([block.attn1 for block in blocks]))
            if not self.guidance.perturbs_audio:
                hooks.enter_context(not_perturbed([block.audio_attn1 for block in blocks]))
            hooks.enter_context(restarting(self.transformer, first, inputs))
            moved = [index - first + 1 for index in self.guidance.blocks]
            return level.run(self.text.positive, perturbed_blocks=moved)
