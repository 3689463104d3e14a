"""Sound from outside: any usual file to float samples, and float samples to WAV."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from math import ceil

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.untrusted import open_untrusted, refusing, stream_of

__all__ = ["check_sound", "decode_sound", "encode_sound", "has_sound"]

MAX_SECONDS = 600
MIN_SECONDS = Fraction(1, 1000)
_SHORT = Fraction(1, 50)
"""Seconds; of less than its filter, FFmpeg's resampler makes too few samples or none."""

MIN_RATE, MAX_RATE = 4_000, 768_000
MAX_CHANNELS = 16

_LAYOUTS = {1: "mono", 2: "stereo"}
_BLOCK = 2**16


def decode_sound(data: bytes, sample_rate: int) -> NDArray[np.float32]:
    """The sound of a file: float32 ``[2, n]`` at ``sample_rate`` Hz.

    With pictures in the file it begins with the first of them: silence fills the time until its
    own beginning, and what would be heard before the first picture is left out. One channel is
    doubled; more than two are mixed to two by FFmpeg's coefficients, made small enough that full
    scale stays full scale. Exact for float samples of this rate. Raises `ValidationError` with the
    path ``data``.
    """
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise ValidationError("sample_rate", f"is {sample_rate}; must be {MIN_RATE} to {MAX_RATE}")
    parts: list[NDArray[np.float32]] = []
    with refusing("sound"):
        resampler: AudioResampler | None = None
        late, own_rate, length = Fraction(0), 0, 0
        for begin, frame in _decoded(data):
            if resampler is None:
                late, own_rate = begin, frame.sample_rate
                resampler = _to_two_channels(frame, sample_rate)
            length += frame.samples
            parts += map(_samples_of, resampler.resample(frame))
        if resampler is not None:
            parts += map(_samples_of, resampler.resample(None))
    if own_rate != sample_rate and length < _SHORT * own_rate:
        return _short(decode_sound(data, own_rate), own_rate, sample_rate)
    shift = round(late * sample_rate)
    parts.insert(0, np.zeros((len(parts[0]), max(0, shift)), np.float32))
    samples = np.concatenate(parts, axis=1)[:, max(0, -shift) :]
    if not np.isfinite(samples).all():
        raise ValidationError("data", "has samples that are not numbers")
    return samples if len(samples) == 2 else np.repeat(samples, 2, axis=0)


def _short(samples: NDArray[np.float32], own_rate: int, sample_rate: int) -> NDArray[np.float32]:
    """Resampled with silence behind it, which is cut off again."""
    longer = np.pad(samples, ((0, 0), (0, ceil(_SHORT * own_rate))))
    resampled = decode_sound(encode_sound(longer, own_rate), sample_rate)
    return resampled[:, : ceil(samples.shape[1] * sample_rate / own_rate)]


def _to_two_channels(frame: AudioFrame, sample_rate: int) -> AudioResampler:
    # Not from mono to stereo: FFmpeg makes that quieter by 3 dB.
    layout = _LAYOUTS[min(frame.layout.nb_channels, 2)]
    # As FFmpeg does for samples of 16 bits; those of floats would grow beyond 1.
    return AudioResampler("fltp", layout, sample_rate, options={"rematrix_maxval": "1.0"})


def _samples_of(frame: AudioFrame) -> NDArray[np.float32]:
    return frame.to_ndarray().astype(np.float32, copy=False)


def has_sound(data: bytes) -> bool:
    """Whether a file has a sound track. Raises `ValidationError` with the path ``data``."""
    with refusing("video"), open_untrusted(data) as container:
        return container.streams.best("audio") is not None


def check_sound(data: bytes) -> None:
    """Raise what `decode_sound` would raise."""
    for _, frame in _decoded(data):
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


def _decoded(data: bytes) -> Iterator[tuple[Fraction, AudioFrame]]:
    """The sound, a frame at a time, until there is too much, and when it begins in seconds.

    It has `MIN_SECONDS` at least.
    """
    begin: Fraction | None = None
    seconds, kinds = Fraction(0), set()
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
                if begin is None:
                    begin = _beginning(container, frame)
                seconds += Fraction(frame.samples, frame.sample_rate)
                if max(begin, Fraction(0)) + seconds > MAX_SECONDS:
                    raise ValidationError("data", _too_long(begin))
                yield begin, frame
        if begin is None:
            raise ValidationError("data", "has no sound")
        if seconds + min(begin, Fraction(0)) < MIN_SECONDS:
            raise ValidationError("data", _too_short(seconds, begin))


def _beginning(container: InputContainer, frame: AudioFrame) -> Fraction:
    """Seconds from the first picture to the first frame of sound; 0 where there are no pictures.

    The demuxer has taken priming off the frame's time, as far as the file declares it.
    """
    pictures = container.streams.best("video")
    if pictures is None or pictures.disposition & Disposition.attached_pic:
        return Fraction(0)
    if pictures.start_time is None or frame.pts is None:
        return Fraction(0)
    assert pictures.time_base is not None
    assert frame.time_base is not None
    return frame.pts * frame.time_base - pictures.start_time * pictures.time_base


def _too_long(begin: Fraction) -> str:
    if begin > MAX_SECONDS:
        return (
            f"has sound that begins {float(begin):g} s after its first picture; at most "
            f"{MAX_SECONDS} seconds are taken: cut it"
        )
    return f"is too long: at most {MAX_SECONDS} seconds of sound are taken"


def _too_short(seconds: Fraction, begin: Fraction) -> str:
    least = f"at least {float(1000 * MIN_SECONDS):g} ms is needed: give a longer one"
    if begin < 0 and seconds >= MIN_SECONDS:
        return f"has sound that is over {float(-begin - seconds):g} s before its pictures; {least}"
    return f"has {float(1000 * seconds):g} ms of sound; {least}"


def _check_kind(frame: AudioFrame) -> None:
    channels, rate = frame.layout.nb_channels, frame.sample_rate
    if not 1 <= channels <= MAX_CHANNELS:
        raise ValidationError("data", f"has {channels} channels; at most {MAX_CHANNELS} are taken")
    if not MIN_RATE <= rate <= MAX_RATE:
        problem = f"is of {rate} Hz; must be from {MIN_RATE} to {MAX_RATE}"
        raise ValidationError("data", problem)
