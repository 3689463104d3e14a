"""Sound to the mel spectrogram that the audio VAE encodes.

As ltx-core's ``AudioProcessor`` (torchaudio's ``MelSpectrogram``): 1,024-point STFT with a periodic
Hann window, centred and reflected at the ends, magnitudes, Slaney mel scale and norm up to half the
sample rate, natural logarithm of at least 1e-5.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["log_mel"]

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
