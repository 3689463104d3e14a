"""Files from outside: which kinds are read at all, and how big what is in them may be.

A container may name other files, a codec may have been given up long ago, and a small file may
unpack to any size; so the demuxers and decoders are listed, no protocol is allowed, and the
decoders are told their largest picture before they allocate one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from longtake.errors import ValidationError

S = TypeVar("S", VideoStream, AudioStream)

__all__ = ["MAX_PIXELS", "decoder_options", "open_untrusted", "refusing", "stream_of"]

MAX_PIXELS = 2**25
"""Of one picture: 8K UHD (7680 x 4320) is just below."""

_MAX_SAMPLES = 2**20
"""Of one packet of sound, per channel."""

_FORMATS = "aac aiff asf au avi caf flac flv gif ivf matroska mov mp3 mpeg mpegts ogg w64 wav webm"
_VIDEO_CODECS = (
    "av1 dnxhd ffv1 ffvhuff flv gif h263 h264 hevc huffyuv libdav1d libvpx libvpx-vp9 mjpeg "
    "mpeg1video mpeg2video mpeg4 msmpeg4 prores rawvideo theora utvideo v210 vp8 vp9 wmv2"
)
_AUDIO_CODECS = (
    "aac aac_latm ac3 adpcm_ima_wav adpcm_ms alac eac3 flac libopus libvorbis mp2 mp2float mp3 "
    "mp3float opus pcm_alaw pcm_f32be pcm_f32le pcm_f64be pcm_f64le pcm_mulaw pcm_s16be pcm_s16le "
    "pcm_s24be pcm_s24le pcm_s32be pcm_s32le pcm_s8 pcm_u8 vorbis wmav1 wmav2"
)
_COMPRESSED_HEADER = b"dcomzlib"
"""How QuickTime's ``cmov`` begins, which FFmpeg unpacks without a bound."""

_TAG = re.compile(rb"ID3([\x02-\x04])")

_CODECS = frozenset(f"{_VIDEO_CODECS} {_AUDIO_CODECS}".split())


def decoder_options() -> dict[str, str]:
    """The options that a decoder of untrusted bytes is opened with."""
    return {
        "max_pixels": str(MAX_PIXELS),
        "max_samples": str(_MAX_SAMPLES),
        "err_detect": "explode+crccheck",
    }


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn an error of the decoders into a `ValidationError` of ``data``, which is no ``what``."""
    try:
        yield
    except ValidationError:
        raise
    except (FFmpegError, OverflowError, ValueError) as error:
        reason = error.strerror if isinstance(error, FFmpegError) else str(error)
        problem = f"is damaged, too large, or no {what}: {reason}"
        raise ValidationError("data", problem) from None


@contextmanager
def open_untrusted(data: bytes) -> Iterator[InputContainer]:
    """The file in ``data``, if it is of a kind that is read.

    Raises `FFmpegError` if not, `ValidationError` for one whose header may unpack to any size.
    """
    if _COMPRESSED_HEADER in data:
        raise ValidationError("data", "is a QuickTime file with a compressed header; convert it")
    options = {
        **decoder_options(),
        "format_whitelist": ",".join(_FORMATS.split()),
        "codec_whitelist": ",".join(sorted(_CODECS)),
        "protocol_whitelist": "none",
    }
    with av.open(
        io.BytesIO(_without_tags(data)), mode="r", metadata_errors="replace", options=options
    ) as container:
        yield container


def _without_tags(data: bytes) -> bytes:
    """The file without ID3 tags (id3.org, ID3v2.4.0, 3.1), whose frames unpack without a bound."""
    start = 0
    while data.startswith(b"ID3", start) and len(data) >= start + 10:
        size = 0
        for byte in data[start + 6 : start + 10]:
            size = size << 7 | byte & 127
        start += 10 + size
    data = data[start:]
    if data.startswith((b"RIFF", b"RIFX", b"RF64", b"FORM")):
        data = _TAG.sub(rb"id3\1", data)  # inside, none is read that is not called so
    return data


def stream_of(container: InputContainer, kind: type[S]) -> S:
    """Its best stream of this kind, ready to be decoded. Raises `ValidationError`."""
    name: Literal["video", "audio"] = "video" if kind is VideoStream else "audio"
    stream = container.streams.best(name)
    if not isinstance(stream, kind):
        raise ValidationError("data", f"is damaged, or has no {name}")
    codec: VideoCodecContext | AudioCodecContext | None = stream.codec_context
    if codec is None or codec.name not in _CODECS:
        known = "of a codec" if codec is None else codec.name
        raise ValidationError("data", f"is {known} that is not read; convert it")
    codec.options = decoder_options()
    return stream
