"""Both streams of the official sampling before a pass, written down once more, plainly."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import torch
from attrs import evolve, frozen

from tests.ltx2.official_reference import (
    FPS,
    Asked,
    Followed,
    Frames,
    Grid,
    Region,
    audio_bounds,
    followed_bounds,
    grid,
    keyframe_bounds,
    slot_bounds,
    video_bounds,
    voice_bounds,
)


@frozen
class Tokens:
    """One stream: what the pass starts from, the known, the mask (1 is noise), the bounds.

    ``own``: how many are the segment's; the others only condition it, but for the last ``slots``,
    which are made. ``seen``: how well each row's token sees each column's, None where all are seen.
    """

    start: torch.Tensor
    clean: torch.Tensor
    mask: torch.Tensor
    bounds: torch.Tensor
    own: int
    seen: torch.Tensor | None = None
    slots: int = 0

    def to(self, dtype: torch.dtype) -> Tokens:
        """The same numbers in another type; places stay as they are."""
        start, clean, mask = (each.to(dtype) for each in (self.start, self.clean, self.mask))
        return evolve(self, start=start, clean=clean, mask=mask)


@frozen
class Before:
    """Tokens of both streams that the pass refines, from noise of this level."""

    video: torch.Tensor
    audio: torch.Tensor
    level: float


def streams(
    pipe: Any,
    asked: Asked,
    size: tuple[int, int, int],
    generator: torch.Generator,
    before: Before | None = None,
) -> tuple[Tokens, Tokens]:
    """Noise for the picture, then for the sound, in token order; then what is known."""
    where, config = grid(asked.size[2], asked.carried), pipe.transformer.config
    first = leading(asked)
    stills = [*first, *asked.frames]
    known = [(encoded(pipe, frames, size), frames) for frames in stills]
    places = [keyframe_bounds(frames, size, where.offset) for frames in stills]
    if first and asked.region is not None:  # of its tokens those that are kept
        rows, columns = size[0] // 32, size[1] // 32
        every = [(row, column) for row in range(rows) for column in range(columns)]
        kept = [asked.region.kept(0, row, column, size) for row, column in every]
        known[0], places[0] = (known[0][0][:, kept], first[0]), places[0][:, :, kept]
    own = video_bounds(size, where.offset)
    followed = asked.followed if before is None or asked.dubs else ()
    slots = asked.slots if before is None else ()
    spoken = voice(pipe, asked, before)
    bounds = torch.cat(
        [own]
        + [place for place, frames in zip(places, stills, strict=True) if frames.appended]
        + [followed_bounds(each, size, where.offset) for each in followed]
        + [slot_bounds(frame, size, where.offset) for frame in slots],
        dim=2,
    )
    video_noise = torch.randn((1, bounds.shape[2], config.in_channels), generator=generator)
    heard_bounds, length = audio_bounds(where), where.length
    if spoken is not None and asked.voice is not None:
        length += spoken.shape[1]
        alongside = asked.voice.alongside
        spoken_bounds = voice_bounds(spoken.shape[1], where, alongside=alongside)
        heard_bounds = torch.cat([heard_bounds, spoken_bounds], dim=2)
    audio_noise = torch.randn((1, length, config.audio_in_channels), generator=generator)
    video = _Mixture(video_noise, own.shape[2])
    audio = _Mixture(audio_noise, where.length)
    if before is not None:
        video.renoise(before.video, before.level)
        audio.renoise(before.audio, before.level)
    if asked.region is not None:
        keep_region(pipe, asked.region, size, where, video, audio)
    for tokens, frames in known:
        video.put(tokens, 1 - frames.strength, at=None if frames.appended else 0)
    for each in followed:
        small = (size[0] // each.space, size[1] // each.space, size[2])
        video.put(encoded(pipe, Frames(pixels=each.kept, first=0), small), 1 - each.strength, None)
    if asked.sound is not None:
        heard = encoded_sound(pipe, asked.sound)[:, : where.length]
        audio.put(heard, 0.0, at=0)
    carried = asked.carried
    if carried is not None and carried.audio is not None:
        last = carried.audio[0, :, carried.audio.shape[2] - where.context :]
        tokens = torch.stack([last[:, index].flatten() for index in range(where.context)])
        audio.put(tokens[None], carried.strength, at=0)
    if before is not None and asked.dubs:
        audio.put(before.audio, 0.0, at=0)
    if spoken is not None:
        audio.put(spoken, 0.0, at=None)
    seen = sight([weights(each, size) for each in followed], own.shape[2], bounds.shape[2])
    beside = len(slots) * (size[0] // 32) * (size[1] // 32)
    return video.tokens(bounds, seen, beside), audio.tokens(heard_bounds)


def voice(pipe: Any, asked: Asked, before: Before | None) -> torch.Tensor | None:
    """Tokens that voices are like; when dubbing, the second pass has the first one's sound."""
    if asked.voice is None or (before is not None and not asked.dubs):
        return None
    return encoded_sound(pipe, asked.voice.samples) if before is None else before.audio


def weights(followed: Followed, size: tuple[int, int, int]) -> tuple[int, list[float] | None]:
    """How many tokens a video has, and how well each is seen; None where nothing says less."""
    rows, columns = size[0] // 32 // followed.space, size[1] // 32 // followed.space
    frames = (len(followed.kept) - 1) // 8 + 1
    if followed.mask is None:
        every = [followed.seen] * (frames * rows * columns)
        return len(every), None if followed.seen == 1 else every
    grey = covering(torch.tensor(followed.mask).permute(0, 3, 1, 2) / 255, size[0], size[1])
    grey = grey.mean(1)
    tall, wide = grey.shape[1] // rows, grey.shape[2] // columns
    blocks = grey.reshape(len(grey), rows, tall, columns, wide).mean((2, 4))
    length = (len(blocks) - 1) // max(1, frames - 1)
    found = []
    for frame in range(frames):
        own = blocks[:1] if frame == 0 else blocks[1 + length * (frame - 1) : 1 + length * frame]
        found += (own.mean(0) * followed.seen).flatten().tolist()
    return len(found), found


def sight(
    videos: list[tuple[int, list[float] | None]], own: int, total: int
) -> torch.Tensor | None:
    """``[T, T]``: a video sees the segment and itself, and nothing else once one is seen less."""
    if all(each is None for _, each in videos):
        return None
    seen = torch.ones(total, total)
    first = total - sum(count for count, _ in videos)
    limited = False
    for count, given in videos:
        limited = limited or given is not None
        if limited:
            each = torch.ones(count) if given is None else torch.tensor(given)
            seen[own:first, first : first + count] = 0
            seen[first : first + count, own:first] = 0
            seen[:own, first : first + count] = each
            seen[first : first + count, :own] = each[:, None]
        first += count
    return seen


def leading(asked: Asked) -> list[Frames]:
    """The first frame of a clip that begins later: it has no latent of the segment's."""
    region = asked.region
    if region is None or region.first == 0:
        return []
    if region.places is None and region.remade(0, 1 / float(FPS), asked=region.video):
        return []
    return [Frames(pixels=region.pixels[:1], first=region.first, strength=region.strength)]


def keep_region(
    pipe: Any,
    region: Region,
    size: tuple[int, int, int],
    where: Grid,
    video: _Mixture,
    audio: _Mixture,
) -> None:
    """A clip, frame by frame and 40 ms by 40 ms, but for what is made anew."""
    fps, (rows, columns) = float(FPS), (size[0] // 32, size[1] // 32)
    tokens = encoded(pipe, Frames(pixels=region.pixels, first=0), size)
    for index in range(tokens.shape[1]):
        latent, place = divmod(index, rows * columns)
        row, column = divmod(place, columns)
        if region.kept(latent, row, column, size) and (latent or not region.first):
            there = region.first // 8 * rows * columns + index
            video.put(tokens[:, index : index + 1], 1 - region.strength, at=there)
    if region.samples is None:
        return
    begin, duration = float(where.offset) + region.first / fps, len(region.pixels) / fps
    silence, length = round(16000 * begin), round(16000 * duration)
    heard = np.pad(region.samples[:, :length], ((0, 0), (silence, 16000)))
    tokens = encoded_sound(pipe, heard)
    reaches_the_end = region.first + len(region.pixels) == size[2]
    for latent in range(audio.own):
        start, end = max(4 * latent - 3, 0) / 100 - begin, (4 * latent + 1) / 100 - begin
        if start < -1e-6 or (end > duration + 1e-6 and not reaches_the_end):
            continue
        if not region.remade(start, end, asked=region.audio):
            audio.put(tokens[:, latent : latent + 1], 0.0, at=latent)


class _Mixture:
    def __init__(self, noise: torch.Tensor, own: int) -> None:
        self.own = self._end = own
        self._start = noise
        self._clean = torch.zeros_like(noise)
        self._mask = torch.ones(1, noise.shape[1], 1)

    def renoise(self, before: torch.Tensor, level: float) -> None:
        self._start = self._start * level
        self._start[:, : self.own] += before * (1 - level)

    def put(self, known: torch.Tensor, mask: float, at: int | None) -> None:
        if at is None:
            at, self._end = self._end, self._end + known.shape[1]
        for index in range(known.shape[1]):
            self._clean[:, at + index] = known[:, index]
            self._mask[:, at + index] = mask

    def tokens(
        self, bounds: torch.Tensor, seen: torch.Tensor | None = None, slots: int = 0
    ) -> Tokens:
        start = self._start * self._mask + self._clean * (1 - self._mask)
        return Tokens(start, self._clean, self._mask, bounds, self.own, seen, slots)


def encoded(pipe: Any, frames: Frames, size: tuple[int, int, int]) -> torch.Tensor:
    """Normalised tokens ``[1, T, C]`` of uint8 frames."""
    pixels = frames.pixels
    if frames.crf:
        pixels = np.stack([compressed(each, frames.crf) for each in pixels])
    video = covering(torch.tensor(pixels).permute(0, 3, 1, 2).float(), size[0], size[1])
    video = (video / 255 * 2 - 1).transpose(0, 1)[None]
    return normalised(pipe.vae, pipe.vae.encode(video).latent_dist.mode())


def encoded_sound(pipe: Any, samples: Any) -> torch.Tensor:
    """Normalised tokens ``[1, L, C * mel]`` of samples ``[2, n]`` at 16 kHz."""
    vae = pipe.audio_vae
    bins, count = vae.config.mel_bins, samples.shape[1] // 160 + 1
    padded = np.pad(samples, ((0, 0), (512, 512)), mode="reflect")
    windows = np.stack([padded[:, 160 * i : 160 * i + 1024] for i in range(count)], axis=1)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    magnitudes = np.abs(np.fft.rfft(windows * hann))
    mel = np.log(np.maximum(magnitudes @ mel_filters(bins), 1e-5)).astype(np.float32)
    mel = torch.from_numpy(mel[:, : (count - 1) // 4 * 4 + 1])
    latents = vae.encode(mel[None]).latent_dist.mode()[0]
    tokens = torch.stack([latents[:, index].flatten() for index in range(latents.shape[1])])
    normal: torch.Tensor = (tokens - vae.latents_mean) / vae.latents_std
    return normal[None]


def mel_filters(bins: int) -> Any:
    """Triangles ``[513, bins]`` of equal area, evenly spaced on Slaney's scale up to 8 kHz."""

    def hertz(mel: Any) -> Any:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * math.log(6.4) / 27))

    top = 15 + 27 * math.log(8) / math.log(6.4)
    corners = hertz(np.linspace(0, top, bins + 2))
    frequencies = np.linspace(0, 8000, 513)[:, None]
    rising = (frequencies - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - frequencies) / (corners[2:] - corners[1:-1])
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (corners[2:] - corners[:-2])


def normalised(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Tokens ``[1, T, C]`` of latents ``[1, C, F, H, W]`` as the VAE gives them."""
    statistics = zip(latents[0], vae.latents_mean, vae.latents_std, strict=True)
    each = [(channel - mean) / std for channel, mean, std in statistics]
    return torch.stack(each, dim=-1).flatten(0, 2)[None]


def upsampled(pipe: Any, tokens: torch.Tensor, size: tuple[int, int, int]) -> torch.Tensor:
    """Tokens of twice the height and width; the upsampler takes latents as the VAE has them."""
    height, width, frames = size[0] // 32, size[1] // 32, (size[2] - 1) // 8 + 1
    grid_of_tokens = tokens[0].reshape(frames, height, width, -1)
    statistics = zip(pipe.vae.latents_mean, pipe.vae.latents_std, strict=True)
    channels = [
        grid_of_tokens[..., index] * std + mean for index, (mean, std) in enumerate(statistics)
    ]
    return normalised(pipe.vae, pipe.upsampler(torch.stack(channels)[None]))


def covering(video: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """``[V, 3, H, W]`` made as large as needed to cover the size, and cut at the centre."""
    rows, columns = video.shape[2:]
    scale = max(height / rows, width / columns)
    large = (math.ceil(rows * scale), math.ceil(columns * scale))
    video = torch.nn.functional.interpolate(video, size=large, mode="bilinear")
    top, left = (large[0] - height) // 2, (large[1] - width) // 2
    return video[:, :, top : top + height, left : left + width]


def compressed(picture: Any, crf: int) -> Any:
    """One uint8 frame ``[H, W, 3]``, sides even, through H.264 and back."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1  # as on one CPU: it is also the number of slices
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    with av.open(io.BytesIO(file.getvalue()), "r") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")
