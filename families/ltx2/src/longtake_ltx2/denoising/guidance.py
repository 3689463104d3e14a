"""The guidance terms, on predicted clean latents.

``g = p + (cfg - 1)(p - negative) + stg (p - perturbed) + (modality - 1)(p - isolated)
+ voice (p - voiceless)``, then rescaled towards the deviation of p (Lin et al., arXiv:2305.08891,
section 3.4). STG: Hyung et al., arXiv:2411.18664. Modality isolation: ltx-core
``MultiModalGuider``. Voice: ID-LoRA's identity guidance, away from what is made without the voice.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from attrs import asdict, evolve, frozen

import longtake as lt
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.stage_overrides import (
    LTX2DenoiseOptions,
    LTX2GuidanceLevel,
    LTX2LoopOptions,
    LTX2Nag,
)

__all__ = ["Guidance", "Predictions", "Scales", "needs_negative"]


@frozen
class Scales:
    """The scales of one stream. Neutral: ``cfg`` and ``modality`` 1, the others 0."""

    cfg: float
    stg: float
    modality: float
    rescale: float
    voice: float = 0.0


_NEUTRAL = Scales(cfg=1.0, stg=0.0, modality=1.0, rescale=0.0)


@frozen(eq=False)
class Predictions:
    """One stream's predicted clean latents ``[1, T, C]`` of each pass that ran."""

    positive: torch.Tensor
    negative: torch.Tensor | None = None
    perturbed: torch.Tensor | None = None
    isolated: torch.Tensor | None = None
    voiceless: torch.Tensor | None = None


@frozen
class Guidance:
    """Which passes a step runs and how they are combined.

    ``levels``: the guidance up to each noise level, where it is not the same at all of them.
    ``nag``: within the attention to the text.
    """

    video: Scales
    audio: Scales
    blocks: tuple[int, ...]
    numerics: Numerics
    levels: tuple[tuple[float, Guidance], ...] = ()
    nag: LTX2Nag | None = None

    @classmethod
    def from_options(
        cls,
        options: LTX2LoopOptions,
        numerics: Numerics,
        output: lt.Output | None = None,
    ) -> Guidance:
        """An audio scale of None follows the video's; a stream that is not wanted asks for none.

        One stream alone is isolated already. ``output``: which streams are wanted, both if None. A
        scale that is left open is neutral.
        """

        options = options.settled()

        def audio(own: float | None, video: float) -> float:
            return video if own is None else own

        video_scales = Scales(
            options.guidance_scale,
            options.stg_scale,
            options.modality_scale,
            options.guidance_rescale,
            options.voice_scale,
        )
        audio_scales = Scales(
            audio(options.audio_guidance_scale, options.guidance_scale),
            audio(options.audio_stg_scale, options.stg_scale),
            audio(options.audio_modality_scale, options.modality_scale),
            audio(options.audio_guidance_rescale, options.guidance_rescale),
            options.voice_scale,
        )
        if output is not None and not output.audio:
            video_scales, audio_scales = evolve(video_scales, modality=1.0), _NEUTRAL
        elif output is not None and not output.video:
            video_scales, audio_scales = _NEUTRAL, evolve(audio_scales, modality=1.0)
        nag = options.nag if options.nag is not None and options.nag.scale != 1 else None
        levels = tuple(
            (level.up_to, cls.from_options(_at_level(options, level), numerics, output))
            for level in options.guidance_levels
        )
        return cls(video_scales, audio_scales, options.stg_blocks, numerics, levels, nag)

    def at(self, sigma: torch.Tensor) -> Guidance:
        """What counts at a noise level, 0-D fp32."""
        if not self.levels:
            return self
        # In fp32, as the levels of a table are: 0.1 there is above 0.1.
        bounds = torch.tensor([up_to for up_to, _ in self.levels], dtype=torch.float32)
        place = int((bounds < sigma.cpu()).sum())
        return self.levels[min(place, len(self.levels) - 1)][1]

    @property
    def every(self) -> tuple[Guidance, ...]:
        """Each that counts at some noise level."""
        return tuple(each for _, each in self.levels) or (self,)

    def of_what_is_made(self, *, video: bool, audio: bool) -> Guidance:
        """The guidance where a stream that is not made asks for nothing."""
        return evolve(
            self,
            video=self.video if video else _NEUTRAL,
            audio=self.audio if audio else _NEUTRAL,
            levels=tuple(
                (up_to, each.of_what_is_made(video=video, audio=audio))
                for up_to, each in self.levels
            ),
        )

    @property
    def needs_negative(self) -> bool:
        """Whether a step runs with the negative prompt."""
        return self._asks(self.video.cfg, 1.0) or self._asks(self.audio.cfg, 1.0)

    @property
    def needs_isolated(self) -> bool:
        """Whether a step runs with picture and sound cut off from each other."""
        return self._asks(self.video.modality, 1.0) or self._asks(self.audio.modality, 1.0)

    @property
    def perturbs_video(self) -> bool:
        """Whether the perturbed pass, when it runs, perturbs the picture."""
        return self._perturbs(self.video.stg)

    @property
    def perturbs_audio(self) -> bool:
        """Whether the perturbed pass, when it runs, perturbs the sound."""
        return self._perturbs(self.audio.stg)

    @property
    def needs_perturbed(self) -> bool:
        """Whether a step runs with perturbed self-attention."""
        return self._asks(self.video.stg, 0.0) or self._asks(self.audio.stg, 0.0)

    @property
    def needs_voiceless(self) -> bool:
        """Whether a step runs without the voice that it is given."""
        return self.video.voice != 0 or self.audio.voice != 0

    def _asks(self, scale: float, neutral: float) -> bool:
        return scale != neutral if self.numerics.any_scale_asks else scale > neutral

    def _perturbs(self, scale: float) -> bool:
        if self.numerics.perturb_asking_stream_only:
            return self._asks(scale, 0.0)
        return self.needs_perturbed

    def combine(self, predictions: Predictions, scales: Scales) -> torch.Tensor:
        """The guided prediction ``[1, T, C]`` of one stream."""
        positive = predictions.positive
        guided = positive
        if predictions.negative is not None:
            guided = guided + (scales.cfg - 1) * (positive - predictions.negative)
        if predictions.perturbed is not None:
            guided = guided + scales.stg * (positive - predictions.perturbed)
        if predictions.isolated is not None:
            guided = guided + (scales.modality - 1) * (positive - predictions.isolated)
        if predictions.voiceless is not None:
            guided = guided + scales.voice * (positive - predictions.voiceless)
        if scales.rescale == 0 or guided is positive:
            return guided
        return self._rescaled(guided, positive, scales.rescale)

    def _rescaled(self, guided: torch.Tensor, positive: torch.Tensor, share: float) -> torch.Tensor:
        if self.numerics.rescale_whole_tensor:
            return guided * (share * (positive.std() / guided.std()) + (1 - share))
        deviations = [x.std(dim=(1, 2), keepdim=True) for x in (positive, guided)]
        return share * (guided * (deviations[0] / deviations[1])) + (1 - share) * guided


def needs_negative(
    loops: Iterable[LTX2LoopOptions], numerics: Numerics, output: lt.Output | None = None
) -> bool:
    """Whether a loop runs with the negative prompt; one that leaves its scale open may do so."""
    return any(
        loop.guidance_scale is None or _needs(Guidance.from_options(loop, numerics, output))
        for loop in loops
    )


def _needs(guidance: Guidance) -> bool:
    return guidance.nag is not None or any(each.needs_negative for each in guidance.every)


def _at_level(options: LTX2DenoiseOptions, level: LTX2GuidanceLevel) -> LTX2DenoiseOptions:
    said = {name: value for name, value in asdict(level).items() if value is not None}
    del said["up_to"]
    return evolve(options, guidance_levels=(), **said)
