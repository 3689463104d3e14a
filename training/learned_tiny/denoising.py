"""The transformer and the connectors learn to denoise segments, alone and behind others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch import nn

from longtake_ltx2.denoising.schedule import DISTILLED_SIGMAS
from training.learned_tiny import networks
from training.learned_tiny.learning import Part
from training.learned_tiny.segments import KINDS, Examples, coordinates_of

__all__ = ["Denoising"]

_BATCH = 32
_TIMESTEPS = 1000
_ON_SCHEDULE = 0.5
"""The share of the examples whose noise level is about one of those that are used."""
_AGAIN = 0.6
"""The share of the examples that go on from pictures that the VAE made, as a take does."""
_UNTOLD = 0.1
"""The share of the examples with an empty prompt, from which guidance leads away."""
_GIVEN_NOISE = 0.05
"""Standard deviation, in the transformer's space, of what is added to what is given."""


@frozen(eq=False)
class _Noised:
    """Tokens of one stream ``[n, T, C]``: clean, noise, and both mixed.

    ``level``: ``[n, T, 1]``, the noise level of each. ``given``: how many are known.
    """

    clean: torch.Tensor
    noise: torch.Tensor
    noisy: torch.Tensor
    level: torch.Tensor
    given: int

    @classmethod
    def of(
        cls, clean: torch.Tensor, given: int, sigma: torch.Tensor, generator: torch.Generator
    ) -> _Noised:
        """At ``sigma`` ``[n]``; what is given is clean, but for a little noise."""
        noise = torch.randn(clean.shape, generator=generator)
        level = sigma[:, None, None].expand(*clean.shape[:2], 1).clone()
        level[:, :given] = 0
        noisy = (1 - level) * clean + level * noise
        known = torch.randn(clean[:, :given].shape, generator=generator)
        noisy[:, :given] += _GIVEN_NOISE * known
        return cls(clean, noise, noisy, level, given)

    def error(self, velocity: torch.Tensor) -> torch.Tensor:
        """Mean square, of what is not given."""
        return ((velocity - (self.noise - self.clean)) ** 2)[:, self.given :].mean()


class Denoising(Part):
    """Predicts velocities, given what a state carries, as the official numerics do."""

    name = "denoising"
    rate = 2e-3

    def __init__(self, seed: int, examples: dict[str, Examples]) -> None:
        super().__init__(seed)
        self._examples = examples
        torch.manual_seed(seed)
        self.connectors, self.transformer = networks.connectors(), networks.transformer()
        tokens = networks.tokenizer()
        encoder = networks.text_encoder(len(tokens), seed)
        self._prompts = {
            each: number
            for number, each in enumerate(
                sorted({"", *(prompt for one in examples.values() for prompt in one.prompts)})
            )
        }
        self._states, self._mask = networks.hidden_states(tokens, encoder, list(self._prompts))
        self._numbers = {
            name: torch.tensor([self._prompts[each] for each in one.prompts])
            for name, one in examples.items()
        }
        self._coordinates = {kind.name: coordinates_of(kind) for kind in KINDS}
        self._timestep = torch.zeros(1)
        self._place = ""
        self._adapt()

    def networks(self) -> Mapping[str, nn.Module]:
        return {"connectors": self.connectors, "transformer": self.transformer}

    def loss(self, step: int, share: float) -> tuple[torch.Tensor, dict[str, float]]:
        rng, generator = self.drawn(step)
        kind = KINDS[rng.choice(len(KINDS), p=[each.share for each in KINDS])]
        one = self._examples[kind.name]
        picked = torch.from_numpy(rng.integers(0, len(one.prompts), _BATCH))
        video, audio = one.video[picked].float(), one.audio[picked].float()
        given = kind.clean_video_tokens
        if given:
            again = torch.rand(_BATCH, generator=generator) < _AGAIN
            video[again, :given] = one.again[picked][again].float()
        sigma = self._sigmas(rng)
        told = self._numbers[kind.name][picked]
        told[torch.rand(_BATCH, generator=generator) < _UNTOLD] = self._prompts[""]
        streams = (
            _Noised.of(video, given, sigma, generator),
            _Noised.of(audio, kind.clock.context_latents, sigma, generator),
        )
        velocities = self._velocities(kind.name, told, sigma, streams)
        errors = [each.error(v) for each, v in zip(streams, velocities, strict=True)]
        place = "later" if given else "first"
        figures = {
            f"{place}_{stream}": float(error.detach())
            for stream, error in zip(("video", "audio"), errors, strict=True)
        }
        return errors[0] + errors[1], figures

    def _velocities(
        self, kind: str, told: torch.Tensor, sigma: torch.Tensor, streams: tuple[_Noised, _Noised]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the transformer predicts of examples of a kind, told prompts of these numbers."""
        video, audio = streams
        video_text, audio_text = self._texts(told)
        self._timestep, self._place = sigma * _TIMESTEPS, kind
        places = [each.expand(len(told), -1, -1, -1) for each in self._coordinates[kind]]
        found: tuple[torch.Tensor, torch.Tensor] = self.transformer(
            hidden_states=video.noisy,
            audio_hidden_states=audio.noisy,
            encoder_hidden_states=video_text,
            audio_encoder_hidden_states=audio_text,
            timestep=video.level[..., 0] * _TIMESTEPS,
            audio_timestep=audio.level[..., 0] * _TIMESTEPS,
            sigma=self._timestep,
            audio_sigma=self._timestep,
            video_coords=places[0],
            audio_coords=places[1],
            use_cross_timestep=False,
            return_dict=False,
        )
        return found

    def _texts(self, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the transformer reads of these prompts; each prompt is connected once."""
        unique, places = torch.unique(numbers, return_inverse=True)
        video, audio, _ = self.connectors(
            self._states[unique], self._mask[unique], padding_side="left"
        )
        return video[places], audio[places]

    def _sigmas(self, rng: np.random.Generator) -> torch.Tensor:
        used = np.asarray(DISTILLED_SIGMAS[:-1])
        near = rng.choice(used, _BATCH) + rng.normal(0, 0.01, _BATCH)
        anywhere = rng.uniform(0, 1, _BATCH)
        drawn = np.where(rng.random(_BATCH) < _ON_SCHEDULE, near, anywhere)
        return torch.from_numpy(drawn.clip(0.002, 1.0)).float()

    def _adapt(self) -> None:
        """Gates take the step's noise level, as official numerics say; places are told once."""

        def gate(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return (self._timestep, *args[1:]), kwargs

        net = self.transformer
        for each in (net.av_cross_attn_video_a2v_gate, net.av_cross_attn_audio_v2a_gate):
            each.register_forward_pre_hook(gate, with_kwargs=True)
        for each in (net.rope, net.audio_rope, net.cross_attn_rope, net.cross_attn_audio_rope):
            each.forward = _Remembered(self, each.forward)


class _Remembered:
    """RoPE's cosines and sines, computed once for each kind of segment."""

    def __init__(self, part: Denoising, forward: Any) -> None:
        self._part, self._forward = part, forward
        self._kept: dict[str, tuple[torch.Tensor, ...]] = {}

    def __call__(self, coordinates: torch.Tensor, device: Any = None) -> tuple[torch.Tensor, ...]:
        place = self._part._place
        if place not in self._kept:
            with torch.no_grad():
                self._kept[place] = self._forward(coordinates[:1], device=device)
        count = len(coordinates)
        return tuple(each.expand(count, *each.shape[1:]) for each in self._kept[place])
