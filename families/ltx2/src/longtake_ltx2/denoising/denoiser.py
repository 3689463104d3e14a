"""The forward passes of one step, as predictions of the clean latents of both streams."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from attrs import Factory, field, frozen

import longtake as lt
from longtake_ltx2.denoising.guidance import Guidance, Predictions
from longtake_ltx2.denoising.level import NoiseLevel
from longtake_ltx2.forward.exact import Exact
from longtake_ltx2.forward.negating import NegativeText
from longtake_ltx2.forward.passes import Restart, recording, sparing
from longtake_ltx2.forward.protocol import Both, Forward
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.values import Geometry, NoisyLatents, PromptContext, TextContext

__all__ = ["Denoiser"]


@frozen(eq=False)
class Denoiser:
    """The transformer, one segment's conditioning and text, and the numerics to follow.

    ``forward``: computes the passes, of this loop and no other. ``without_voice``: the same loop
    as if it had been given no voice, whose sound's tokens are the first of this one's.
    """

    transformer: Any
    numerics: Numerics
    noisy: NoisyLatents
    text: TextContext
    geometry: Geometry
    guidance: Guidance
    forward: Forward = field(default=Factory(lambda self: Exact(self.transformer), takes_self=True))
    without_voice: Denoiser | None = None
    _dtype: torch.dtype = field(init=False)

    @_dtype.default
    def _of_transformer(self) -> torch.dtype:
        dtype: torch.dtype = self.transformer.dtype  # found by looking at all modules: once a loop
        return dtype

    def predictions(
        self, video: torch.Tensor, audio: torch.Tensor, sigma: torch.Tensor
    ) -> tuple[Predictions, Predictions]:
        """Clean latents of every pass that the guidance needs, for the picture and the sound.

        ``video``, ``audio``: ``[1, T, C]`` fp32. ``sigma``: 0-D fp32, the step's noise level.
        """
        guidance = self.guidance.at(sigma)
        passes = self._passes(self._at(video, audio, sigma), guidance)
        if guidance.needs_voiceless and self.without_voice is not None:
            passes["voiceless"] = self.without_voice._alone(video, audio, sigma, passes["positive"])
        return (
            Predictions(**{name: both[0] for name, both in passes.items()}),
            Predictions(**{name: both[1] for name, both in passes.items()}),
        )

    def _at(self, video: torch.Tensor, audio: torch.Tensor, sigma: torch.Tensor) -> NoiseLevel:
        return NoiseLevel(
            self.forward,
            self.transformer,
            self._dtype,
            self.numerics,
            self.noisy,
            self.geometry,
            video,
            audio,
            sigma,
            self._bias,
            self._negative_text,
        )

    def _alone(
        self, video: torch.Tensor, audio: torch.Tensor, sigma: torch.Tensor, whole: Both
    ) -> Both:
        """The positive pass of the sound's own tokens; of the others it says what ``whole`` does.

        The forward is one of its own, because what passes share is of the tokens that they have.
        """
        own = self.noisy.audio.latents.shape[1]
        self.forward.begin_step([self.text.positive])
        picture, sound = self._at(video, audio[:, :own], sigma).run(self.text.positive)
        return picture, torch.cat([sound, whole[1][:, own:]], dim=1)

    def _passes(self, level: NoiseLevel, guidance: Guidance) -> dict[str, Both]:
        text = self.text
        self.forward.begin_step(self._prompts(guidance))
        passes = {}
        if self._perturbs(guidance):
            both = self._positive_and_perturbed(level, guidance)
            passes["positive"], passes["perturbed"] = both
        else:
            passes["positive"] = level.run(text.positive)
        if guidance.needs_isolated:
            passes["isolated"] = level.run(text.positive, isolated=True)
        if guidance.needs_negative:
            passes["negative"] = level.run(self._negative)
        return passes

    def _prompts(self, guidance: Guidance) -> list[PromptContext]:
        """Of all passes of a step."""
        of_positive = 1 + self._perturbs(guidance) + guidance.needs_isolated
        negative = [self._negative] if guidance.needs_negative else []
        return [self.text.positive] * of_positive + negative

    @cached_property
    def _negative_text(self) -> NegativeText | None:
        """What the attention to the text turns away from, made once for the loop."""
        nag = self.guidance.nag
        return None if nag is None else NegativeText(self.transformer, self._negative, nag)

    @cached_property
    def _bias(self) -> torch.Tensor | None:
        """What the scores have added: ln of how well a token is seen, made once for the loop.

        As ltx-core's ``TransformerArgsPreprocessor``: not seen at all is the lowest number.
        """
        seen = self.noisy.video.attention
        if seen is None:
            return None
        dtype = self.transformer.dtype
        finfo = torch.finfo(dtype)
        bias = seen.clamp(min=finfo.tiny).log_().to(dtype)
        return bias.masked_fill_(seen <= 0, finfo.min)

    def _perturbs(self, guidance: Guidance) -> bool:
        # Without perturbed attention (converted 2.0 checkpoints) the pass would change nothing.
        return guidance.needs_perturbed and bool(self.transformer.config.perturbed_attn)

    @property
    def _negative(self) -> PromptContext:
        if self.text.negative is None:
            raise lt.WiringError(
                "the guidance needs the negative prompt, which was not encoded: the text stage "
                "knows the loops of LTX2DenoiseOptions and LTX2RefineStageOverride alone"
            )
        return self.text.negative

    def _positive_and_perturbed(self, level: NoiseLevel, guidance: Guidance) -> tuple[Both, Both]:
        """The perturbed pass goes on from where it first differs: the same numbers, less work."""
        blocks = guidance.blocks
        with recording(self.transformer, min(blocks)) as inputs:
            positive = level.run(self.text.positive)
        restart = Restart(min(blocks), inputs)
        spared = sparing(
            self.transformer,
            blocks,
            video=not guidance.perturbs_video,
            audio=not guidance.perturbs_audio,
        )
        with spared:
            perturbed = level.run(
                self.text.positive, perturbed_blocks=list(blocks), restart=restart
            )
        return positive, perturbed
