"""Both streams of the official sampling before a pass, written down once more, plainly."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import torch
from attrs import frozen

from tests.ltx2.official_reference import (
    FPS,
    Asked,
    Frames,
    Region,
    audio_bounds,
    grid,
    keyframe_bounds,
    video_bounds,
)


@frozen
class Tokens:
    """One stream: what the pass starts from, the known, the mask (1 is noise), the bounds.

    ``own``: how many are the segment's; the others only condition it.
    """

    start: torch.Tensor
    clean: torch.Tensor
    mask: torch.Tensor
    bounds: torch.Tensor
    own: int


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
    stills = [*leading(asked), *asked.frames]
    known = [(encoded(pipe, frames, size), frames) for frames in stills]
    own = video_bounds(size, where.offset)
    bounds = torch.cat(
        [own]
        + [keyframe_bounds(frames, size, where.offset) for _, frames in known if frames.appended],
        dim=2,
    )
    video_noise = torch.randn((1, bounds.shape[2], config.in_channels), generator=generator)
    audio_noise = torch.randn((1, where.length, config.audio_in_channels), generator=generator)
    video = _Mixture(video_noise, own.shape[2])
    audio = _Mixture(audio_noise, where.length)
    if before is not None:
        video.renoise(before.video, before.level)
        audio.renoise(before.audio, before.level)
    if asked.region is not None:
        keep_region(pipe, asked.region, size, video, audio)
    for tokens, frames in known:
        video.put(tokens, 1 - frames.strength, at=None if frames.appended else 0)
    if asked.sound is not None:
        heard = encoded_sound(pipe, asked.sound)[:, : where.length]
        audio.put(heard, 0.0, at=0)
    carried = asked.carried
    if carried is not None and carried.audio is not None:
        last = carried.audio[0, :, carried.audio.shape[2] - where.context :]
        tokens = torch.stack([last[:, index].flatten() for index in range(where.context)])
        audio.put(tokens[None], carried.strength, at=0)
    return video.tokens(bounds), audio.tokens(audio_bounds(where))


def leading(asked: Asked) -> list[Frames]:
    """The first frame of a clip that begins later: it has no latent of the segment's."""
    region = asked.region
    if region is None or region.first == 0:
        return []
    if region.remade(0, 1 / float(FPS), asked=region.video):
        return []
    return [Frames(pixels=region.pixels[:1], first=region.first)]


def keep_region(
    pipe: Any, region: Region, size: tuple[int, int, int], video: _Mixture, audio: _Mixture
) -> None:
    """A clip, frame by frame and 40 ms by 40 ms, but for what is made anew."""
    fps, in_a_frame = float(FPS), size[0] // 32 * (size[1] // 32)
    tokens = encoded(pipe, Frames(pixels=region.pixels, first=0), size)
    for latent in range((len(region.pixels) - 1) // 8 + 1):
        start, end = max(8 * latent - 7, 0) / fps, (8 * latent + 1) / fps
        if region.remade(start, end, asked=region.video) or (region.first and not latent):
            continue
        here = tokens[:, latent * in_a_frame : (latent + 1) * in_a_frame]
        video.put(here, 0.0, at=(region.first // 8 + latent) * in_a_frame)
    if region.samples is None:
        return
    begin, duration = region.first / fps, len(region.pixels) / fps
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

    def tokens(self, bounds: torch.Tensor) -> Tokens:
        start = self._start * self._mask + self._clean * (1 - self._mask)
        return Tokens(start, self._clean, self._mask, bounds, self.own)


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
