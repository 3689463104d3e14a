"""What a take's sound and a voice are to Lightricks' own packages: items that condition the sound.

A take's sound is Longtake's own, with places of its own in time; for the rest ltx-core's state of a
stream does with it as with any that is known. A voice is ltx-core's item, placed by ltx-pipelines'
Dub-It.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from longtake_ltx2.latents import audio_from_tokens
from tests.ltx2.official_reference import Asked, Grid
from tests.ltx2.official_region import KeptSound
from tests.ltx2.official_samplers import official_names
from tests.ltx2.official_tokens import encoded_sound

__all__ = ["taken_sound", "voice_item"]


def taken_sound(wanted: Asked, where: Grid) -> list[KeptSound]:
    """The last audio latents of the take so far, which lie at the segment's beginning."""
    carried = wanted.carried
    if carried is None or carried.audio is None:
        return []
    last = carried.audio[:, :, carried.audio.shape[2] - where.context :]
    return [KeptSound(last, tuple(range(where.context)), carried.strength)]


def voice_item(
    pipe: Any, checkout: Path, wanted: Asked, where: Grid, first_sound: torch.Tensor | None
) -> list[Any]:
    """The voice, or in a second pass that dubs ``first_sound`` ``[1, C, L, mel]`` in its place."""
    if wanted.voice is None or (first_sound is not None and not wanted.dubs):
        return []
    mel_bins = pipe.audio_vae.config.mel_bins // 4
    latents = audio_from_tokens(encoded_sound(pipe, wanted.voice.samples), mel_bins)
    patchifiers = import_module("ltx_core.components.patchifiers")
    shape = import_module("ltx_core.types").AudioLatentShape
    name = "patchify_dubit_audio_reference_latent"
    known = {"torch": torch, "AudioPatchifier": patchifiers.AudioPatchifier}
    placed = official_names(checkout, "dubit.py", [name], AudioLatentShape=shape, **known)[name]
    tokens, bounds = placed(
        latents if first_sound is None else first_sound,
        negative_positions=not wanted.voice.alongside,
        device=torch.device("cpu"),
    )
    # Where a take's sound begins before its picture, so does what lies before or beside it.
    earliest = 0.0 if where.first == 0 else 0.03
    bounds = bounds + float(where.offset) if wanted.voice.alongside else bounds - earliest
    conditioning = import_module("ltx_core.conditioning")
    return [conditioning.AudioConditionByReferenceLatent(tokens, bounds, strength=1.0)]
