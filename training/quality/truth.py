"""True takes, and the same through the video VAE: the best that a denoiser could show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from training.learned_tiny.pictures import FPS, draw
from training.learned_tiny.segments import KINDS
from training.learned_tiny.sounds import RATE, render
from training.learned_tiny.stories import tell
from training.quality.takes import Told

__all__ = ["TrueTake", "shown", "through_vae", "true_takes"]


@frozen(eq=False)
class TrueTake:
    """A scene under one prompt, as its segments show it.

    ``parts``: the new pictures of each segment ``[T, H, W, 3]``, 0 to 1. ``whole``: those of each
    that are given to the VAE, the repeated ones included, ``[3, T, H, W]``, -1 to 1. ``sound``:
    mono.
    """

    told: Told
    parts: tuple[NDArray[np.float32], ...]
    whole: tuple[NDArray[np.float32], ...]
    sound: NDArray[np.float32]


def true_takes(count: int, segments: int, seed: int) -> Iterator[TrueTake]:
    """Of scenes at random in which nothing is told to change."""
    rng = np.random.default_rng([seed, 1])
    clocks = KINDS[segments - 1].clocks
    for _ in range(count):
        story = tell(rng, [0.0], clocks[-1].end_frame / FPS)
        whole = [draw(story.scene, each.first_frame, each.num_frames)[0] for each in clocks]
        new = [
            shown(pictures[:, each.repeated_frames :])
            for pictures, each in zip(whole, clocks, strict=True)
        ]
        sound = render(story.scene, 0.0, clocks[-1].end_frame / FPS, RATE)
        yield TrueTake(Told.of(story.prompts[0]), tuple(new), tuple(whole), sound)


@torch.no_grad()
def through_vae(model: Path, take: TrueTake) -> tuple[NDArray[np.float32], ...]:
    """The new pictures of each segment after the VAE in the folder ``model`` saw them."""
    import diffusers

    vae: Any = diffusers.AutoencoderKLLTX2Video.from_pretrained(model / "vae").eval()
    found = []
    for whole, part in zip(take.whole, take.parts, strict=True):
        latents = vae.encode(torch.from_numpy(whole)[None]).latent_dist.mode()
        decoded = vae.decode(latents).sample[0].clamp(-1, 1).numpy()
        found.append(shown(decoded[:, -len(part) :]))
    return tuple(found)


def shown(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """From ``[3, T, H, W]``, -1 to 1, to ``[T, H, W, 3]``, 0 to 1."""
    return ((pictures.transpose(1, 2, 3, 0) + 1) / 2).astype(np.float32)
