"""The VAE as it encodes frames, and which latents that a state carries are its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch

import longtake as lt
from longtake_ltx2.conditioning.encoding import encoded_frames
from longtake_ltx2.conditioning.tokens import ConditioningFrames
from longtake_ltx2.continuation import EncodedPrefix, LTX2ContinuationState
from longtake_ltx2.values import Geometry

__all__ = ["FrameEncoder"]

_PATH = "state.payload.video_latents"
_SMALL_FLOATS = (torch.float16, torch.bfloat16)


class FrameEncoder:
    """Encodes frames, unless a state brings what they encode to.

    ``fingerprint_of_vae``: tells the VAE from another, with the dtype and the tiles that it
    computes in; without it latents of a state are not taken for its own.
    """

    def __init__(self, vae: Any, fingerprint_of_vae: Callable[[], str] | None) -> None:
        self.vae = vae
        self._fingerprint_of_vae = fingerprint_of_vae

    @cached_property
    def fingerprint(self) -> str | None:
        """Of the VAE; made when it is first asked for. None when that is not known."""
        return None if self._fingerprint_of_vae is None else self._fingerprint_of_vae()

    @cached_property
    def _dtype(self) -> torch.dtype:
        """That the VAE computes in: it looks at all of its modules for it."""
        dtype: torch.dtype = self.vae.dtype
        return dtype

    def check(self, state: LTX2ContinuationState | None, height: int, width: int) -> None:
        """Refuse latents of a pass of this size that are not its own, where there are no frames.

        Raises `longtake.ValidationError`.
        """
        if state is None or state.video_frames or state.video_latents is None:
            return
        self._refuse_others(state.video_latents, height, width)

    def latents(
        self,
        frames: ConditioningFrames,
        geometry: Geometry,
        device: torch.device | str,
        *,
        image_crf: int,
    ) -> torch.Tensor:
        """Normalised latents ``[1, C, F, H, W]``, fp32, known or encoded. Raises like `check`."""
        if frames.prefix is not None:
            if self._problem(frames.prefix, geometry.height, geometry.width) is None:
                known = frames.prefix.at(geometry.height, geometry.width)
                assert known is not None  # or there would be a problem
                return known.to(device).float()
            if frames.pixels is None:
                self._refuse_others(frames.prefix, geometry.height, geometry.width)
        return encoded_frames(
            frames, self.vae, geometry, device, dtype=self._dtype, image_crf=image_crf
        )

    def prefix(
        self, frames: ConditioningFrames, passes: Sequence[Geometry], device: torch.device | str
    ) -> EncodedPrefix:
        """What ``frames`` encode to in each pass of the next segment, in the VAE's dtype.

        Raises `longtake.ValidationError` when the VAE cannot be told from another.
        """
        if self.fingerprint is None:
            problem = "asks for latents, and this pipeline's stages have no VAE of a checkpoint"
            raise lt.ValidationError("output.state_kind", problem)
        # What normalised values are rounded to; a wider float is narrowed before it is used.
        dtype = self._dtype if self._dtype in _SMALL_FLOATS else torch.float32
        made = (self.latents(frames, each, device, image_crf=0) for each in passes)
        return EncodedPrefix(tuple(each.to(dtype).cpu() for each in made), self.fingerprint)

    def _refuse_others(self, prefix: EncodedPrefix, height: int, width: int) -> None:
        problem = self._problem(prefix, height, width)
        if problem is not None:
            raise lt.ValidationError(
                _PATH,
                f"{problem}, and the state has no frames to encode instead; make it with "
                "portable_states, or as 'ltx2.v1'",
            )

    def _problem(self, prefix: EncodedPrefix, height: int, width: int) -> str | None:
        """Why the latents are not what the VAE would make in a pass of this size."""
        if prefix.vae != self.fingerprint:
            return "is of another VAE, or of this one in another dtype or in tiles"
        if prefix.at(height, width) is None:
            return f"has none of a pass of {height}x{width} pixels (height x width)"
        channels = self.vae.config.latent_channels
        if prefix.latents[0].shape[1] != channels:
            return f"has {prefix.latents[0].shape[1]} channels; this VAE's have {channels}"
        return None
