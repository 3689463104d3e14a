"""Random weights for a tiny LTX-2 checkpoint, scaled so that every part of it matters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_FRAME_LEVEL = 0.5  # standard deviation of pictures in [-1, 1]
_SOUND_LEVEL = 0.06  # the same for sound in [-1, 1]
_SECONDS = 4.0  # what the duration head says of an average prompt
_EXTENSION_LEVEL = 0.015  # and for what the bandwidth extension adds: a little, as in real sound

# Deviation of a weight, times the root of the inputs that it is summed over. 1.68 keeps the
# variance behind a SiLU. The vocoders' many residual blocks amplify rounding errors with more than
# their gain, and forget the input with less.
_GAINS = {
    "text_encoder": 1.0,
    "connectors": 1.0,
    "transformer": 1.0,
    "vae": 1.68,
    "audio_vae": 1.68,
    "vocoder": 0.6,
}
_GAINS_OF_EXTRAS = {"duration_head": 1.0, "spatial_upsampler": 1.0, "diffusion_decoder": 1.0}


def fill_components(components: dict[str, Any], generator: torch.Generator) -> None:
    """Draw all weights, in an order that depends on the networks alone."""
    for name, gain in _GAINS.items():
        _fill(components[name], gain, generator)
    for name in ("vae", "audio_vae"):
        _fill_statistics(components[name], generator)
    _set_levels(components, generator)
    for name, gain in _GAINS_OF_EXTRAS.items():
        if name in components:
            _fill(components[name], gain, generator)
            _SETTERS_OF_EXTRAS[name](components, generator)


def _fill(network: Any, gain: float, generator: torch.Generator) -> None:
    """Draw weights that keep the variance, small biases, and tables that are nowhere zero."""
    import torch

    for module in network.modules():
        fan_in = _fan_in(module)
        for name, parameter in module.named_parameters(recurse=False):
            noise = torch.randn(parameter.shape, generator=generator)
            if fan_in is not None and name == "weight":
                parameter.copy_(noise * gain / math.sqrt(fan_in))
            elif name == "weight":  # a norm's: stays around the value it starts with
                parameter.add_(0.1 * noise)
            else:  # biases are small; registers and modulation tables are not
                parameter.copy_(noise * (0.02 if name == "bias" else 0.5))


def _fan_in(module: torch.nn.Module) -> float | None:
    """Inputs that one output sums over; None for a module without a weight matrix."""
    from torch import nn

    if isinstance(module, nn.ConvTranspose1d):
        return module.in_channels * module.kernel_size[0] / module.stride[0]
    if isinstance(module, nn.Embedding):
        return float(module.embedding_dim)  # Gemma multiplies by the root of this
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return float(module.weight[0].numel())
    return None


def _fill_statistics(vae: Any, generator: torch.Generator) -> None:
    """Give the latents a mean and deviation other than 0 and 1, or normalisation errors hide."""
    import torch

    shape = vae.latents_mean.shape
    vae.latents_mean.copy_(0.3 * torch.randn(shape, generator=generator))
    vae.latents_std.copy_(0.7 + 0.6 * torch.rand(shape, generator=generator))


def _set_levels(components: dict[str, Any], generator: torch.Generator) -> None:
    """Scale the last layers: pictures that use most of 0..255, sound that is heard, not clipped."""
    import torch

    components["vae"].decoder.conv_out.conv.weight.mul_(_FRAME_LEVEL)
    audio_vae, vocoder = components["audio_vae"], components["vocoder"]
    shape = (1, audio_vae.config.latent_channels, 26, audio_vae.config.mel_bins // 4)
    mel = audio_vae.decode(torch.randn(shape, generator=generator)).sample
    if "bwe_hidden_channels" not in vocoder.config:
        _set_sound_level(vocoder, mel, _SOUND_LEVEL)
        return
    _fill_spectral_bases(vocoder)
    _set_sound_level(vocoder.vocoder, mel, _SOUND_LEVEL)
    sound = vocoder.vocoder(mel)[0]
    log_mel = vocoder.mel_stft(sound)[0]
    extended = log_mel.transpose(1, 2)[None]
    _set_sound_level(vocoder.bwe_generator, extended, _EXTENSION_LEVEL)


def _set_sound_level(vocoder: Any, mel: torch.Tensor, level: float) -> None:
    """Take the constant part out of what a vocoder makes of `mel`, and scale it.

    `mel` is [1, 2, frames, bins].
    """
    weight = vocoder.conv_out.weight
    weight.sub_(weight.mean(-1, keepdim=True))
    _scale(weight, level / float(vocoder(mel).std()))


def _scale(weight: torch.Tensor, factor: float) -> None:
    """By the power of two next to `factor`, so that rounding changes no bytes between machines."""
    weight.mul_(2.0 ** round(math.log2(factor)))


def _set_duration_level(components: dict[str, Any], generator: torch.Generator) -> None:
    """Durations of some seconds: the network gives the logarithm."""
    components["duration_head"].mlp_out.bias.fill_(math.log(_SECONDS))


def _set_upsampler_level(components: dict[str, Any], generator: torch.Generator) -> None:
    """Latents come out with about the deviation that latents have."""
    import torch

    upsampler = components["spatial_upsampler"]
    latents = torch.randn(1, upsampler.config.in_channels, 2, 4, 4, generator=generator)
    _scale(upsampler.final_conv.weight, 1.0 / float(upsampler(latents).std()))


def _set_diffusion_level(components: dict[str, Any], generator: torch.Generator) -> None:
    """Pictures as from the VAE, with the VAE's own statistics of latents."""
    decoder, vae = components["diffusion_decoder"], components["vae"]
    decoder.latents_mean.copy_(vae.latents_mean)
    decoder.latents_std.copy_(vae.latents_std)
    decoder.decoder.conv_out.weight.mul_(_FRAME_LEVEL)  # behind a norm and a gain of 1


_SETTERS_OF_EXTRAS = {
    "duration_head": _set_duration_level,
    "spatial_upsampler": _set_upsampler_level,
    "diffusion_decoder": _set_diffusion_level,
}


def _fill_spectral_bases(vocoder: Any) -> None:
    """Windowed DFT and mel filters, which a checkpoint stores and diffusers starts at zero.

    `forward_basis` and `inverse_basis` are [2 bins, 1, taps] (real rows, then imaginary ones), as
    in the STFT of HiFi-GAN and Tacotron 2; `mel_basis` is [mels, bins].
    """
    import torch

    mel_stft = vocoder.mel_stft
    stft = mel_stft.stft_fn
    taps = stft.forward_basis.shape[-1]
    bins = taps // 2 + 1
    window = torch.hann_window(taps, dtype=torch.float64)
    steps = torch.outer(torch.arange(bins), torch.arange(taps)) % taps  # exact for any angle
    angle = 2 * math.pi / taps * steps.double()
    basis = torch.cat([angle.cos(), -angle.sin()])[:, None]
    weight = torch.full((bins,), 2.0, dtype=torch.float64)
    weight[[0, -1]] = 1.0  # zero and the highest frequency have no mirror image
    inverse = basis * weight.repeat(2)[:, None, None] * stft.hop_length / taps**2
    stft.forward_basis.copy_(basis * window)
    stft.inverse_basis.copy_(inverse * window)
    mels = mel_stft.mel_basis.shape[0]
    mel_stft.mel_basis.copy_(_mel_filters(mels, bins, vocoder.config.input_sampling_rate))


def _mel_filters(mels: int, bins: int, sampling_rate: int) -> torch.Tensor:
    """Triangular filters of unit area, equally spaced in mel = 2595 log10(1 + Hz / 700)."""
    import torch

    top = 2595 * math.log10(1 + sampling_rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, mels + 2, dtype=torch.float64) / 2595) - 1)
    bins_hz = torch.linspace(0, sampling_rate / 2, bins, dtype=torch.float64)
    left, middle, right = (edges[k : k + mels, None] for k in range(3))
    rising = (bins_hz - left) / (middle - left)
    falling = (right - bins_hz) / (right - middle)
    return torch.minimum(rising, falling).clamp(min=0) * 2 / (right - left)
