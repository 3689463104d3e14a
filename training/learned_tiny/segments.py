"""The kinds of segment that a take has, as the product's clock lays them, and their latents."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen

from longtake_ltx2.clock import SegmentClock, first_segment, next_segment
from longtake_ltx2.conditioning.coordinates import audio_coordinates, video_coordinates
from longtake_ltx2.latents import audio_to_tokens, video_to_tokens
from longtake_ltx2.values import TEMPORAL_FACTOR, Geometry
from training.learned_tiny.pictures import FPS, draw
from training.learned_tiny.scenes import SIZE
from training.learned_tiny.sounds import log_mel
from training.learned_tiny.stories import Story, tell

__all__ = [
    "FRAMES",
    "KINDS",
    "OVERLAP",
    "Examples",
    "Kind",
    "coordinates_of",
    "encode_examples",
    "load",
    "save",
]

FRAMES = 41
"""Of each segment, with the repeated ones."""
OVERLAP = 9
"""Repeated frames: what the presets say."""
_SHOWN_LATENTS = 4
"""Of a segment's end, from which the repeated frames are shown: as many as the decoder looks at."""
_AT_ONCE = 16


@frozen
class Kind:
    """Where in a take a segment lies. ``share``: of the examples.

    ``clocks``: of the take's segments up to this one, which is the last.
    """

    name: str
    share: float
    clocks: tuple[SegmentClock, ...]

    @property
    def clock(self) -> SegmentClock:
        """Of the segment itself."""
        return self.clocks[-1]

    @property
    def geometry(self) -> Geometry:
        """Of the segment itself."""
        return Geometry(SIZE, SIZE, self.clock)

    @property
    def clean_video_tokens(self) -> int:
        """How many tokens of the picture are given."""
        frames = self.clock.repeated_frames
        latent_frames = (frames - 1) // TEMPORAL_FACTOR + 1 if frames else 0
        return latent_frames * self.geometry.latent_height * self.geometry.latent_width

    def story(self, rng: np.random.Generator) -> Story:
        """A story at random, with a prompt for each of the take's segments up to this one."""
        begins = [each.first_new_frame / FPS for each in self.clocks]
        return tell(rng, begins, self.clock.end_frame / FPS)


def _kind(index: int, share: float) -> Kind:
    clocks = [first_segment(FRAMES, Fraction(FPS))]
    for _ in range(index):
        clocks.append(next_segment(clocks[-1].after(0), FRAMES, OVERLAP))
    return Kind(str(index), share, tuple(clocks))


KINDS = tuple(
    _kind(index, share) for index, share in enumerate((0.35, 0.20, 0.15, 0.10, 0.10, 0.10))
)
"""The segments of a take, in order; later ones are nearly like the last."""


@frozen(eq=False)
class Examples:
    """Examples of one kind: tokens ``[n, T, C]`` fp16 in the transformer's space, and prompts.

    ``again``: the tokens that a segment is given, of pictures that the VAE made of them once.
    """

    video: torch.Tensor
    again: torch.Tensor
    audio: torch.Tensor
    prompts: tuple[str, ...]


def coordinates_of(kind: Kind) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the picture's and the sound's tokens."""
    return video_coordinates(kind.geometry, "cpu"), audio_coordinates(kind.clock, "cpu")


@torch.no_grad()
def encode_examples(
    video_vae: Any, audio_vae: Any, count: int, seed: int
) -> tuple[dict[str, Examples], dict[str, torch.Tensor]]:
    """An example of every kind from each of ``count`` takes, and the statistics of their latents.

    Statistics are the mean and the standard deviation of each channel, as the VAEs keep them.
    """
    rng, last = np.random.default_rng(seed), KINDS[-1]
    stories = [last.story(rng) for _ in range(max(2, count))]
    batches = [stories[n : n + _AT_ONCE] for n in range(0, len(stories), _AT_ONCE)]
    made = [
        list(zip(_videos(video_vae, each), _audios(audio_vae, each), strict=True))
        for each in batches
    ]
    raw = {}
    for number, kind in enumerate(KINDS):
        parts = [each[number] for each in made]
        video, again = (torch.cat([part[0][place] for part in parts]) for place in (0, 1))
        audio = torch.cat([part[1] for part in parts])
        prompts = tuple(story.prompts[number] for story in stories)
        raw[kind.name] = Examples(video, again, audio, prompts)
    statistics = {
        f"{stream}_{what}": made
        for stream in ("video", "audio")
        for what, made in _statistics([getattr(each, stream) for each in raw.values()]).items()
    }
    return {name: _normalized(each, statistics) for name, each in raw.items()}, statistics


def _videos(vae: Any, stories: Sequence[Story]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Of each segment the tokens, and those that it is given as the one before showed them."""
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    shown = None
    for kind in KINDS:
        latents = vae.encode(_clips(stories, kind.clock)).latent_dist.mode()
        tokens = video_to_tokens(latents)
        again = tokens[:, :0]
        if shown is not None:
            again = video_to_tokens(vae.encode(shown).latent_dist.mode())
        found.append((tokens, again))
        end = latents[:, :, -_SHOWN_LATENTS:]
        shown = vae.decode(end).sample.clamp(-1, 1)[:, :, -OVERLAP:]
    return found


def _clips(stories: Sequence[Story], clock: SegmentClock) -> torch.Tensor:
    clips = [draw(each.scene, clock.first_frame, clock.num_frames)[0] for each in stories]
    return torch.from_numpy(np.stack(clips))


def _audios(vae: Any, stories: Sequence[Story]) -> list[torch.Tensor]:
    """Of each segment the tokens: all of the take is encoded at once, as a state carries latents.

    The encoder looks back alone, so that what comes later changes nothing.
    """
    mels = [log_mel(each.scene, 0.0, 4 * KINDS[-1].clock.end_latent - 3) for each in stories]
    tokens = audio_to_tokens(vae.encode(torch.stack(mels)).latent_dist.mode())
    return [tokens[:, kind.clock.first_latent : kind.clock.end_latent] for kind in KINDS]


def _statistics(tokens: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    flat = torch.cat([each.flatten(0, 1) for each in tokens])
    return {"mean": flat.mean(0), "std": flat.std(0).clamp(min=1e-3)}


def _normalized(examples: Examples, statistics: dict[str, torch.Tensor]) -> Examples:
    def normal(tokens: torch.Tensor, stream: str) -> torch.Tensor:
        return ((tokens - statistics[f"{stream}_mean"]) / statistics[f"{stream}_std"]).half()

    return Examples(
        normal(examples.video, "video"),
        normal(examples.again, "video"),
        normal(examples.audio, "audio"),
        examples.prompts,
    )


def save(folder: Path, examples: dict[str, Examples], statistics: dict[str, torch.Tensor]) -> None:
    """Keep them for the training of the transformer."""
    kept = {
        name: {"video": e.video, "again": e.again, "audio": e.audio, "prompts": list(e.prompts)}
        for name, e in examples.items()
    }
    torch.save({"examples": kept, "statistics": statistics}, folder / "latents.pt")


def load(folder: Path) -> tuple[dict[str, Examples], dict[str, torch.Tensor]]:
    """The inverse of `save`."""
    kept = torch.load(folder / "latents.pt", weights_only=True)
    examples = {
        name: Examples(e["video"], e["again"], e["audio"], tuple(e["prompts"]))
        for name, e in kept["examples"].items()
    }
    return examples, kept["statistics"]
