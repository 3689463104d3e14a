"""Sound from outside: any usual file to float samples, and float samples to WAV."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.untrusted import open_untrusted, refusing, stream_of

__all__ = ["check_sound", "decode_sound", "encode_sound"]

MAX_SECONDS = 600
MIN_RATE, MAX_RATE = 4_000, 768_000
MAX_CHANNELS = 16

_LAYOUTS = {1: "mono", 2: "stereo"}
_BLOCK = 2**16


def decode_sound(data: bytes, sample_rate: int) -> NDArray[np.float32]:
    """The sound of a file: float32 ``[2, n]`` at ``sample_rate`` Hz.

    One channel is doubled, more than two are mixed to two by FFmpeg's coefficients. Exact for
    float samples of this rate. Raises `ValidationError` with the path ``data``.
    """
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise ValidationError("sample_rate", f"is {sample_rate}; must be {MIN_RATE} to {MAX_RATE}")
    parts: list[NDArray[np.float32]] = []
    with refusing("sound"):
        resampler: AudioResampler | None = None
        for frame in _decoded(data):
            if resampler is None:
                # Not from mono to stereo: FFmpeg makes that quieter by 3 dB.
                layout = _LAYOUTS[min(frame.layout.nb_channels, 2)]
                resampler = AudioResampler("fltp", layout, sample_rate)
            parts += map(_samples_of, resampler.resample(frame))
        if resampler is not None:
            parts += map(_samples_of, resampler.resample(None))
    samples = np.concatenate(parts, axis=1)
    if not np.isfinite(samples).all():
        raise ValidationError("data", "has samples that are not numbers")
    return samples if len(samples) == 2 else np.repeat(samples, 2, axis=0)


def _samples_of(frame: AudioFrame) -> NDArray[np.float32]:
    return frame.to_ndarray().astype(np.float32, copy=False)


def check_sound(data: bytes) -> None:
    """Raise what `decode_sound` would raise."""
    for frame in _decoded(data):
        values = frame.to_ndarray()
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValidationError("data", "has samples that are not numbers")


def encode_sound(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """A WAV file of 32-bit float samples from float32 ``[1 or 2, n]`` at ``sample_rate`` Hz.

    Raises `ValidationError` with the path ``samples`` or ``sample_rate``.
    """
    if samples.dtype != np.float32 or samples.ndim != 2 or len(samples) not in _LAYOUTS:
        found = f"{samples.dtype} {list(samples.shape)}"
        raise ValidationError("samples", f"expected float32 [1 or 2, n], got {found}")
    if not samples.size:
        raise ValidationError("samples", "expected some, got none")
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise ValidationError("sample_rate", f"is {sample_rate}; must be {MIN_RATE} to {MAX_RATE}")
    layout, file = _LAYOUTS[len(samples)], io.BytesIO()
    with av.open(file, "w", format="wav") as container:
        stream = container.add_stream("pcm_f32le", rate=sample_rate, layout=layout)
        assert isinstance(stream, AudioStream)
        for start in range(0, samples.shape[1], _BLOCK):
            block = samples[:, start : start + _BLOCK].T.reshape(1, -1)
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), "flt", layout)
            frame.sample_rate, frame.pts = sample_rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _decoded(data: bytes) -> Iterator[AudioFrame]:
    """The sound, a frame at a time, until there is too much. At least one sample."""
    seconds, kinds = 0.0, set()
    with refusing("sound"), open_untrusted(data) as container:
        stream = stream_of(container, AudioStream)
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise ValidationError("data", "is a sound that is cut off or damaged")
            for frame in packet.decode():
                _check_kind(frame)
                kinds.add((frame.format.name, frame.layout.name, frame.sample_rate))
                if len(kinds) > 1:
                    raise ValidationError("data", "changes its format midway; convert it to one")
                seconds += frame.samples / frame.sample_rate
                if seconds > MAX_SECONDS:
                    problem = f"is too long: at most {MAX_SECONDS} seconds of sound are taken"
                    raise ValidationError("data", problem)
                yield frame
        if not seconds:
            raise ValidationError("data", "has no sound")


def _check_kind(frame: AudioFrame) -> None:
    channels, rate = frame.layout.nb_channels, frame.sample_rate
    if not 1 <= channels <= MAX_CHANNELS:
        raise ValidationError("data", f"has {channels} channels; at most {MAX_CHANNELS} are taken")
    if not MIN_RATE <= rate <= MAX_RATE:
        problem = f"is of {rate} Hz; must be from {MIN_RATE} to {MAX_RATE}"
        raise ValidationError("data", problem)
