"""From pictures and sound to the latents that a segment is conditioned on."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from longtake_ltx2.conditioning.tokens import ConditioningFrames
from longtake_ltx2.latents import normalized_audio, normalized_video
from longtake_ltx2.values import Geometry

__all__ = ["SOUND_RATE", "encoded_frames", "encoded_sound", "fitted", "log_mel"]

SOUND_RATE = 16_000
"""Hz of the sound that the audio VAE encodes, in every published checkpoint."""

_HOP_LENGTH = 160


def encoded_frames(
    frames: ConditioningFrames,
    vae: Any,
    geometry: Geometry,
    device: torch.device | str,
    *,
    dtype: torch.dtype,
    image_crf: int,
) -> torch.Tensor:
    """Normalised latents ``[1, C, F, H, W]``, fp32: the mode of what the VAE encodes.

    ``dtype``: that the VAE computes in.
    ``image_crf``: the H.264 quality that still images are re-compressed at, 0 for not at all
    (ltx-pipelines ``media_io.preprocess``, diffusers ``apply_image_conditioning_crf``).
    """
    pixels = frames.pixels
    assert pixels is not None  # what is known by its latents alone is not encoded
    if frames.recompress and image_crf:
        pixels = np.stack([_recompressed(frame, image_crf) for frame in pixels])
    video = torch.tensor(pixels).to(device).permute(0, 3, 1, 2).float()  # a copy: inputs are shared
    video = fitted(video, geometry.height, geometry.width).div_(127.5).sub_(1.0)
    latents = vae.encode(video.transpose(0, 1).unsqueeze(0).to(dtype)).latent_dist.mode()
    return normalized_video(latents, vae).float()


def _recompressed(pixels: NDArray[np.uint8], crf: int) -> NDArray[np.uint8]:
    """uint8 RGB ``[H, W, 3]`` through H.264, an odd last row or column cut off.

    As diffusers ``apply_image_conditioning_crf`` on one CPU: its encoder makes a slice for each
    CPU, so that the same picture would condition the same segment differently elsewhere.
    """
    import av

    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.height, encoder.width, encoder.pix_fmt = height, width, "yuv420p"
    encoder.time_base, encoder.thread_count = Fraction(1), 1
    encoder.options = {"crf": str(crf), "preset": "veryfast"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]))
    frame.pts = 0
    packets = [*encoder.encode(frame.reformat(format="yuv420p")), *encoder.encode(None)]
    decoder = av.VideoCodecContext.create("h264", "r")
    decoded = [each for packet in (*packets, None) for each in decoder.decode(packet)]
    return decoded[0].to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def fitted(
    video: torch.Tensor, height: int, width: int, *, mode: Literal["bilinear", "area"] = "bilinear"
) -> torch.Tensor:
    """``[V, C, H, W]`` resized to cover the size (no anti-aliasing), cut at the centre.

    As ltx-pipelines ``resize_and_center_crop``. ``mode``: ``area`` averages.
    """
    rows, columns = video.shape[2:]
    if (rows, columns) == (height, width):
        return video
    scale = max(height / rows, width / columns)
    size = (math.ceil(rows * scale), math.ceil(columns * scale))
    corners = False if mode == "bilinear" else None
    video = torch.nn.functional.interpolate(video, size=size, mode=mode, align_corners=corners)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return video[:, :, top : top + height, left : left + width]


def encoded_sound(
    samples: NDArray[np.float32], audio_vae: Any, device: torch.device | str
) -> torch.Tensor:
    """Stereo at `SOUND_RATE`, ``[2, n]``, to normalised latents ``[1, C, L, mel]``, fp32.

    L is ``(n // 160 + 4) // 4``: one mel frame for the first latent, four for every other.
    """
    config = audio_vae.config
    mel = log_mel(samples, sample_rate=SOUND_RATE, hop_length=_HOP_LENGTH, mel_bins=config.mel_bins)
    whole = mel[:, : (mel.shape[1] - 1) // 4 * 4 + 1]
    latents = audio_vae.encode(whole.unsqueeze(0).to(device, audio_vae.dtype)).latent_dist.mode()
    return normalized_audio(latents.float(), audio_vae)


_FFT_SIZE = 1024
_FLOOR = 1e-5


def log_mel(
    samples: NDArray[np.float32], *, sample_rate: int, hop_length: int, mel_bins: int
) -> torch.Tensor:
    """``[channels, n]`` samples to fp32 ``[channels, 1 + n // hop_length, mel_bins]``.

    ``n`` must be more than half the FFT size, 512, for the reflection.
    """
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(
        num_frequency_bins=_FFT_SIZE // 2 + 1,
        num_mel_filters=mel_bins,
        min_frequency=0.0,
        max_frequency=sample_rate / 2,
        sampling_rate=sample_rate,
        norm="slaney",
        mel_scale="slaney",
    )
    spectrum = torch.stft(
        torch.from_numpy(samples),
        n_fft=_FFT_SIZE,
        hop_length=hop_length,
        window=torch.hann_window(_FFT_SIZE),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    mel = spectrum.abs().transpose(1, 2) @ torch.from_numpy(filters).float()
    return mel.clamp(min=_FLOOR).log()
