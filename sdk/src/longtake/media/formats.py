"""Which container formats a take can be written in, and the codec settings of each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from attrs import evolve, frozen

__all__ = ["CONTAINER_FORMATS", "STREAM_FORMATS", "ContainerFormat", "container_format"]

Options = Mapping[str, str]


def _options(values: dict[str, str]) -> Options:
    return MappingProxyType(values)


@frozen
class ContainerFormat:
    """How a take becomes a file: the container, its two codecs, and their settings.

    A file in the making is one header followed by self-contained fragments, one per segment.
    ``header_options``, ``fragment_options`` and ``final_options`` are the muxer's options for the
    header, for a fragment, and for the finished file. In a muxer's output the first
    ``fragment_marker`` starts ``fragment_marker_offset`` bytes after the end of the header.
    ``fragment_counter`` is the muxer's option that takes a fragment's number, if it counts them.
    ``audio_in_runs``: the sound's encoder keeps a memory, so that it is started anew for each
    segment; see `longtake.media.sound_runs`. ``audio_sample_format``: of the sound's encoder, where
    its own choice would lose something. ``holds_pictures`` is false for a file of sound alone.
    ``quick_pixels``: whether pixels are converted in half the time, by means of neighbours.
    They are 63 dB from the exactly converted ones, as near to the picture (0.04 dB less).
    ``whole_up_to``: pixels of the largest picture that is encoded in one piece, by one thread; the
    threads of a larger one cost a sixth more, and it is there sooner.
    ``note_kind``: in what a note that players skip is wrapped; see `longtake.media.notes`.
    """

    name: str
    muxer: str
    video_codec: str
    video_options: Options
    pixel_format: str
    pixel_format_odd_sides: str
    yuv: bool
    audio_codec: str
    audio_options: Options
    audio_in_runs: bool
    audio_bit_rate_per_channel: int
    fragment_marker: bytes
    fragment_marker_offset: int
    fragment_counter: str | None
    note_kind: Literal["box", "element", "chunk"]
    header_options: Options
    fragment_options: Options
    final_options: Options
    audio_sample_format: str | None = None
    quick_pixels: bool = False
    whole_up_to: int = 0
    holds_pictures: bool = True


# Without B-frames or lookahead: every frame has left the encoder when a segment ends.
_H264 = {"tune": "zerolatency", "bf": "0", "forced-idr": "1"}

# Without a lookahead the slower presets buy nothing: over a pendulum, grain and noise, "faster" has
# the luma of "medium" within 0.2 dB, in 80 to 104 % of its bytes and half of its time. Trellis
# quantisation is a third to a half of that time, where pictures are noisy; rounding up from smaller
# values in its place has their luma within 0.3 dB in 98 % of the bytes. References and the offset
# are those of "medium", so that a file that was begun with it can be gone on with.
_H264_FILE = {
    **_H264,
    "crf": "18",
    "preset": "faster",
    "trellis": "0",
    "x264-params": "deadzone-inter=18:deadzone-intra=6",
    "refs": "3",
    "chromaoffset": "-2",
}

# delay_moov writes the edit list that hides the AAC priming; frag_discont gives each fragment its
# own absolute start time. use_editlist keeps the muxer from shifting a fragment to time zero.
_MP4 = ContainerFormat(
    name="MP4 (H.264 + AAC)",
    muxer="mp4",
    video_codec="libx264",
    video_options=_options(_H264_FILE),
    pixel_format="yuv420p",
    pixel_format_odd_sides="yuv444p",
    yuv=True,
    audio_codec="aac",
    # Noise that the decoder makes up would depend on what it decoded before.
    audio_options=_options({"aac_pns": "0"}),
    audio_in_runs=True,
    audio_bit_rate_per_channel=96_000,
    fragment_marker=b"moof",
    fragment_marker_offset=4,
    fragment_counter="fragment_index",
    note_kind="box",
    header_options=_options(
        {
            "movflags": "delay_moov+default_base_moof+frag_custom+skip_trailer",
            "fflags": "bitexact",
        }
    ),
    fragment_options=_options(
        {
            "movflags": "empty_moov+default_base_moof+frag_custom+frag_discont+skip_trailer",
            "use_editlist": "1",
            "fflags": "bitexact",
        }
    ),
    final_options=_options({"movflags": "faststart", "fflags": "bitexact"}),
)

_M4A = evolve(_MP4, name="M4A (AAC)", muxer="ipod", holds_pictures=False)

# bgr0 is the 8-bit RGB layout of FFV1 whose colour transform is reversible.
_LIVE_MATROSKA = _options({"live": "1", "fflags": "bitexact"})
_MKV = ContainerFormat(
    name="Matroska (FFV1 + PCM, lossless)",
    muxer="matroska",
    video_codec="ffv1",
    video_options=_options({"level": "3", "slices": "4"}),
    pixel_format="bgr0",
    pixel_format_odd_sides="bgr0",
    yuv=False,
    audio_codec="pcm_f32le",
    audio_options=_options({}),
    audio_in_runs=False,
    audio_bit_rate_per_channel=0,
    fragment_marker=bytes.fromhex("1F43B675"),  # the EBML id of a Cluster
    fragment_marker_offset=0,
    fragment_counter=None,
    note_kind="element",
    header_options=_LIVE_MATROSKA,
    fragment_options=_LIVE_MATROSKA,
    final_options=_options({"fflags": "bitexact"}),
)

# A fragment is a chunk of data; `longtake.media.wav` puts them into one.
_WAV = evolve(
    _MKV,
    name="WAV (float32 PCM, lossless)",
    muxer="wav",
    fragment_marker=b"data",
    note_kind="chunk",
    header_options=_options({"fflags": "bitexact"}),
    fragment_options=_options({"fflags": "bitexact"}),
    final_options=_options({"fflags": "bitexact"}),
    holds_pictures=False,
)

CONTAINER_FORMATS: Mapping[str, ContainerFormat] = MappingProxyType(
    {".mp4": _MP4, ".mkv": _MKV, ".m4a": _M4A, ".wav": _WAV}
)


def _cmaf(options: Options) -> Options:
    return _options({**options, "movflags": f"{options['movflags']}+cmaf"})


# What each fragment says of itself is as CMAF wants it. A stream is made while others wait, so
# by the cheapest preset, and with a constant quantiser: a constant rate factor computes a
# lookahead, and takes from busy pictures what it gives to calm ones. Over six kinds of motion and
# grain, 21 makes as many bytes as a factor of 20, and the worst picture 5 dB better: none is below
# 38.9 dB. A pendulum's are 46.5 dB instead of 48.2, in a fifth fewer bytes.
_CMAF = evolve(
    _MP4,
    name="CMAF (H.264 + AAC)",
    video_options=_options({**_H264, "qp": "21", "preset": "ultrafast"}),
    quick_pixels=True,
    whole_up_to=640 * 360,
    header_options=_cmaf(_MP4.header_options),
    fragment_options=_cmaf(_MP4.fragment_options),
)
_CMAF_FLAC = evolve(
    _CMAF,
    name="CMAF (H.264 + FLAC)",
    audio_codec="flac",
    audio_options=_options({}),
    audio_in_runs=False,
    audio_bit_rate_per_channel=0,
    audio_sample_format="s32",
)

STREAM_FORMATS: Mapping[str, ContainerFormat] = MappingProxyType({"aac": _CMAF, "flac": _CMAF_FLAC})
"""What a take is streamed as, by the codec of its sound."""


def container_format(path: str | os.PathLike[str]) -> ContainerFormat | None:
    """The format that the suffix of ``path`` names, or None for an unknown suffix."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    return CONTAINER_FORMATS.get(suffix)
