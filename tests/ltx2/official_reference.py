"""The official sampling of LTX-2, written down once more, plainly, from its published formulas.

Here: what is asked for, the noise levels, the clock of a take and the places of tokens. Only the
networks are taken from elsewhere (diffusers). Every pass runs in every step; what a neutral scale
adds is then zero.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from attrs import field, frozen

FPS = Fraction(24)
DISTILLED = [1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875, 0.0]
DISTILLED_3 = [1.0, 0.725, 0.421875, 0.0]
"""Its three steps whose largest drop is smallest."""
REFINE = {3: [0.909375, 0.725, 0.421875, 0.0], 2: [0.909375, 0.421875, 0.0]}


@frozen
class Scales:
    """Of one stream; neutral by default."""

    cfg: float = 1.0
    stg: float = 0.0
    modality: float = 1.0
    rescale: float = 0.0


@frozen(kw_only=True)
class Frames:
    """uint8 frames ``[V, H, W, 3]`` that stand at ``first`` of the segment.

    ``crf``: the quality that they are compressed at before, 0 for not at all. ``replaces``: whether
    they are the segment's own tokens where they stand at its first frame.
    """

    pixels: Any
    first: int
    strength: float = 1.0
    crf: int = 0
    replaces: bool = False

    @property
    def appended(self) -> bool:
        """Whether they are tokens of their own."""
        return not (self.replaces and self.first == 0)


@frozen(kw_only=True)
class Followed:
    """A video ``[V, H, W, 3]`` that the first pass follows.

    ``seen``: how well the segment and it see each other; ``mask``: grey frames as many, that it is
    multiplied by. ``space``, ``time``: what the LoRA's file says of sizes and frames.
    """

    pixels: Any
    strength: float = 1.0
    seen: float = 1.0
    mask: Any = None
    space: int = 1
    time: int = 1

    @property
    def kept(self) -> Any:
        """The frames that count: the first, then one of ``time``."""
        return self.pixels[[0, *range(1, len(self.pixels), self.time)]]


@frozen(kw_only=True)
class Voice:
    """A sound that voices are like: float32 ``[2, n]`` at 16 kHz, before the segment or beside."""

    samples: Any
    alongside: bool


@frozen(kw_only=True)
class Region:
    """A clip that the segment is made of: uint8 ``[V, H, W, 3]`` from ``first`` of it on.

    ``samples``: its sound at 16 kHz, as `Asked.sound`. ``window``: seconds of the clip between
    which ``video`` and ``audio`` say what is made anew. ``places``: where ``[V, H, W]``; all over
    if None. ``padding``: where it is not the clip's ``[H, W]``. ``strength``: of what is kept.
    ``is_painted``: whether it is painted over and followed, and none of its picture is kept.
    """

    pixels: Any
    first: int
    samples: Any
    window: tuple[float, float] | None
    video: bool
    audio: bool
    places: Any = None
    padding: Any = None
    strength: float = 1.0
    is_painted: bool = False

    def kept(self, latent: int, row: int, column: int, size: tuple[int, int, int]) -> bool:
        """Of a token of a pass of this size: whether no pixel of its frames asks to be made."""
        if self.is_painted:
            return False
        frames = range(max(0, 8 * latent - 7), 8 * latent + 1)
        tall, wide = (self.pixels.shape[axis] / size[axis - 1] for axis in (1, 2))
        rows = slice(int(32 * row * tall), int(32 * (row + 1) * tall))
        columns = slice(int(32 * column * wide), int(32 * (column + 1) * wide))
        if self.padding is not None and self.padding[rows, columns].any():
            return False
        start, end = frames[0] / float(FPS), (frames[-1] + 1) / float(FPS)
        if self.places is None:
            return not self.remade(start, end, asked=self.video)
        if self.window is not None and not self.remade(start, end, asked=self.video):
            return True
        return not any(self.places[frame, rows, columns].any() for frame in frames)

    def remade(self, start: float, end: float, *, asked: bool) -> bool:
        """Of a token with these bounds in seconds of the clip."""
        if self.window is None or not asked:
            return False
        return end > self.window[0] and start < self.window[1]


@frozen(kw_only=True)
class Carried:
    """What a state carries besides: ``repeated`` frames, and audio latents of which ``context`` are
    known. ``take``: its frames and audio latents so far, if known."""

    repeated: int
    audio: torch.Tensor | None = None
    context: int = 0
    strength: float = 0.0
    take: tuple[int, int] | None = None
    offset: Fraction = Fraction(0)


@frozen(kw_only=True)
class Asked:
    """One segment. ``levels``: of the first pass. ``refine``: of a second one at twice the size.

    ``renoised``: whether the first pass has fresh noise at every step, as 2.5 when distilled.
    ``second_order``: whether both passes evaluate the middle of each step, too, as HQ does.
    ``first_sound``: whether the first pass's sound is heard.
    ``lora``: a file that is added to the network, as strongly in each pass as ``strengths`` say.
    ``slots``: frames at which the first pass makes pictures beside the segment.
    ``sound``: float32 ``[2, n]`` at 16 kHz that the segment's is to be, as long as it or longer.
    ``dubs``: whether the second pass follows the videos, too, and keeps the first one's sound,
    which is then the voice.
    """

    prompt: str
    negative: str
    seed: int
    size: tuple[int, int, int]
    levels: list[float]
    refine: list[float] | None = None
    renoised: bool = False
    second_order: bool = False
    first_sound: bool = False
    video: Scales = field(factory=Scales)
    audio: Scales = field(factory=Scales)
    block: int = 1
    frames: tuple[Frames, ...] = ()
    region: Region | None = None
    sound: Any = None
    carried: Carried | None = None
    followed: tuple[Followed, ...] = ()
    lora: Path | None = None
    strengths: tuple[float, float] = (0.0, 0.0)
    voice: Voice | None = None
    dubs: bool = False
    slots: tuple[int, ...] = ()


@frozen
class Grid:
    """Where the segment lies: its first audio latent, how many, how many of before, the offset."""

    first: int
    length: int
    context: int
    offset: Fraction


@functools.cache
def networks(path: Path) -> Any:
    """diffusers' pipeline and upsampler, only for the networks, on memory of their own."""
    from diffusers import LTX2ConditionPipeline
    from diffusers.pipelines.ltx2 import LTX2LatentUpsamplerModel

    pipe = LTX2ConditionPipeline.from_pretrained(path, local_files_only=True)
    pipe.upsampler = LTX2LatentUpsamplerModel.from_pretrained(path / "spatial_upsampler")
    for name in ("transformer", "vae", "connectors", "text_encoder", "upsampler"):
        for weight in getattr(pipe, name).parameters():
            weight.data = weight.data.clone()
    return pipe


def sigmas(steps: int, tokens: int = 4096) -> list[float]:
    """Linear, shifted for so many tokens, stretched to end at 0.1, then 0; in fp32 throughout.

    The stretch is ill-conditioned and the networks take 1000 sigma, so the rounding shows: it is
    that of torch.
    """
    m = (2.05 - 0.95) / (4096 - 1024)
    shift = math.exp(tokens * m + (0.95 - 1024 * m))
    s = torch.linspace(1, 0, steps + 1)[:steps]
    z = 1 - shift / (shift + (1 / s - 1))
    stretched = 1 - z / (z[-1] / (1 - 0.1))
    return [*stretched.tolist(), 0.0]


def segment_seed(seed: int, segment_index: int) -> int:
    """The take's seed for its first segment, else 8 bytes of SHA-256 of ``seed:index``."""
    if segment_index == 0:
        return seed
    digest = hashlib.sha256(f"{seed}:{segment_index}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def grid(frames: int, carried: Carried | None) -> Grid:
    """The clock of a take, on one grid of 25 audio latents a second."""
    if carried is None:
        return Grid(0, round(frames / float(FPS) * 25.0), 0, Fraction(0))
    if carried.take is None:  # another implementation's state: a new grid
        end = round(float((carried.offset + frames / FPS) * 25))
        return Grid(0, end, carried.context, carried.offset)
    so_far, latents = carried.take
    first_frame = so_far - carried.repeated
    first = max(0, min(latents - carried.context, math.floor(25 * first_frame / FPS)))
    end = round((first_frame + frames) / float(FPS) * 25.0)
    return Grid(first, end - first, latents - first, first_frame / FPS - Fraction(first, 25))


def video_bounds(size: tuple[int, int, int], offset: Fraction) -> torch.Tensor:
    """``[1, 3, T, 2]``: seconds, rows and columns of every token, frame by frame, row by row."""
    spans = [(max(8 * frame - 7, 0), 8 * frame + 1) for frame in range((size[2] - 1) // 8 + 1)]
    return _bounds(spans, size, offset)


def followed_bounds(
    followed: Followed, size: tuple[int, int, int], offset: Fraction
) -> torch.Tensor:
    """``[1, 3, T, 2]`` of a video beside the segment, its frames and pixels as long and large."""
    space, time = followed.space, followed.time
    count = (len(followed.kept) - 1) // 8 + 1
    late = (time - 1) / time  # in frames of its own
    spans = [
        (max(max(8 * each - 7, 0) - late, 0) * time, (8 * each + 1 - late) * time)
        for each in range(count)
    ]
    small = (size[0] // space, size[1] // space, size[2])
    bounds = _bounds(spans, small, offset)
    return torch.cat([bounds[:, :1], bounds[:, 1:] * space], dim=1)


def slot_bounds(frame: int, size: tuple[int, int, int], offset: Fraction) -> torch.Tensor:
    """``[1, 3, T, 2]`` of a picture of its own at a frame, which lasts one."""
    return _bounds([(frame, frame + 1)], size, offset)


def keyframe_bounds(frames: Frames, size: tuple[int, int, int], offset: Fraction) -> torch.Tensor:
    """``[1, 3, T, 2]`` of frames elsewhere: eight frames a latent, but a still lasts one.

    A clip at the first frame has the segment's own times.
    """
    count = len(frames.pixels)
    if frames.first == 0:
        return video_bounds((size[0], size[1], count), offset)
    spans = [
        (frames.first + 8 * latent, frames.first + 8 * latent + (1 if count == 1 else 8))
        for latent in range((count - 1) // 8 + 1)
    ]
    return _bounds(spans, size, offset)


def _bounds(
    spans: Sequence[tuple[float, float]], size: tuple[int, int, int], offset: Fraction
) -> torch.Tensor:
    bounds = []
    for start, end in spans:
        for row in range(size[0] // 32):
            for column in range(size[1] // 32):
                across = [32 * column, 32 * column + 32]
                seconds = [start / float(FPS), end / float(FPS)]
                bounds.append([seconds, [32 * row, 32 * row + 32], across])
    tokens = torch.tensor(bounds)
    tokens[:, 0] += torch.tensor(float(offset))  # in fp32
    return tokens.transpose(0, 1)[None]


def audio_bounds(where: Grid) -> torch.Tensor:
    """``[1, 1, L, 2]`` seconds; inside a take no latent is cut to its last 10 ms."""
    starts = [4 * index - 3 for index in range(where.length)]
    if where.first == 0:
        starts[0] = 0
    ends = [4 * index + 1 for index in range(where.length)]
    return torch.tensor([[s / 100, e / 100] for s, e in zip(starts, ends, strict=True)])[None, None]


def voice_bounds(count: int, where: Grid, *, alongside: bool) -> torch.Tensor:
    """``[1, 1, L, 2]`` seconds: 40 ms before the segment's first latent, or from its first frame.

    In fp32, as RoPE shows the last bits.
    """
    spans = [(max(4 * index - 3, 0), 4 * index + 1) for index in range(count)]
    bounds = torch.tensor([[start / 100, end / 100] for start, end in spans])
    if alongside:
        return (bounds + torch.tensor(float(where.offset)))[None, None]
    earliest = 0.0 if where.first == 0 else 0.03
    return (bounds - bounds[-1, 1] - 0.04 - earliest)[None, None]
