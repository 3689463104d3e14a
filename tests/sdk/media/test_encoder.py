"""A take is the same file whatever the number of CPUs, and whoever goes on with it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from attrs import evolve
from av.video.reformatter import Colorspace, Interpolation
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.encoder import TakeEncoder, TakeFormat
from longtake.media.formats import CONTAINER_FORMATS, STREAM_FORMATS, ContainerFormat
from longtake.media.muxing import Encoded, FragmentMuxer

WRITTEN = """
import os, pathlib, sys
cpus = {int(cpu) for cpu in sys.argv[1].split(",")}
os.sched_setaffinity(0, cpus)
from fractions import Fraction
import numpy as np
import longtake as lt
from longtake.media.writer import ArrayWriter

noise = np.random.default_rng(5)
frames = (np.mgrid[:256, :256].sum(0)[None, ..., None] + noise.integers(0, 60, (6, 256, 256, 3)))
frames = (frames % 256).astype(np.uint8)
sound = noise.normal(0, 0.1, (2, 6_000)).astype(np.float32)
for name in ("take.mp4", "take.mkv"):
    with ArrayWriter(name, fps=Fraction(24)) as writer:
        for half in (slice(0, 3), slice(3, 6)):
            writer.append(frames[half], sound[:, 1000 * half.start : 1000 * half.stop], 24_000)
with ArrayWriter("take.m4a", fps=Fraction(24)) as writer:
    writer.append(frames[:0], sound, 24_000)
pathlib.Path("clip").write_bytes(lt.ClipInput.from_frames(frames).data)
pathlib.Path("sound").write_bytes(lt.AudioInput.from_samples(sound, 24_000).data)
pathlib.Path("still").write_bytes(lt.ImageInput.from_pixels(frames[0]).data)
np.save("decoded.npy", lt.ClipInput.from_file("take.mp4").frames())
"""


def written(folder: Path, cpus: list[int]) -> dict[str, bytes]:
    folder.mkdir()
    named = ",".join(map(str, cpus))
    subprocess.run([sys.executable, "-c", WRITTEN, named], cwd=folder, check=True)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a process to CPUs")
def test_a_take_written_with_one_cpu_is_the_one_written_with_all(tmp_path: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    alone, together = written(tmp_path / "alone", cpus[:1]), written(tmp_path / "together", cpus)
    assert list(alone) == list(together)
    assert len(alone) == 7
    assert [name for name, data in alone.items() if data != together[name]] == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_encoder_is_told_its_slices(suffix: str) -> None:
    """Where there is one CPU, the test above cannot fail."""
    take = TakeFormat.of(np.zeros((1, 256, 256, 3), np.uint8), None, None)
    encoder = TakeEncoder(CONTAINER_FORMATS[suffix], take, Fraction(24))
    try:
        assert encoder.video is not None
        assert encoder.video.codec_context.thread_count == 4
    finally:
        encoder.close()


def test_a_picture_of_h264_has_four_slices() -> None:
    frames = np.random.default_rng(6).integers(0, 256, (2, 256, 256, 3), np.uint8)
    encoder = TakeEncoder(
        CONTAINER_FORMATS[".mp4"], TakeFormat.of(frames, None, None), Fraction(24)
    )
    try:
        pictures = [bytes(packet) for packet in encoder.encode(frames, None).video]
    finally:
        encoder.close()
    # Network abstraction units with a length of four bytes or a start code; 1 and 5 are slices.
    assert [slices(picture) for picture in pictures] == [4, 4]


@pytest.mark.parametrize(("height", "width", "count"), [(360, 640, 1), (362, 640, 4)])
def test_a_small_picture_of_a_stream_is_one_slice(height: int, width: int, count: int) -> None:
    frames = np.random.default_rng(7).integers(0, 256, (1, height, width, 3), np.uint8)
    encoder = TakeEncoder(STREAM_FORMATS["aac"], TakeFormat.of(frames, None, None), Fraction(24))
    try:
        pictures = [bytes(packet) for packet in encoder.encode(frames, None).video]
    finally:
        encoder.close()
    assert [slices(picture) for picture in pictures] == [count]


def test_a_file_can_be_gone_on_with_from_its_header_alone() -> None:
    frames = np.random.default_rng(8).integers(0, 256, (5, 32, 48, 3), np.uint8)
    sound = np.random.default_rng(9).uniform(-0.5, 0.5, (2, 4000)).astype(np.float32)
    container, take = STREAM_FORMATS["flac"], TakeFormat.of(frames, sound, 24000)
    fragments = []
    header = b""
    for known in (False, True):
        encoder = TakeEncoder(container, take, Fraction(30), header=header if known else b"")
        try:
            encoded = encoder.encode(frames, sound)
            muxer = FragmentMuxer(container, encoder.video, encoder.audio)
            header = header or muxer.header()
            fragments.append(muxer.fragment(encoded))
        finally:
            encoder.close()
    assert fragments[0] == fragments[1]


def test_the_header_of_another_file_is_refused() -> None:
    container, frames = STREAM_FORMATS["flac"], np.zeros((1, 32, 48, 3), np.uint8)
    silent = TakeEncoder(container, TakeFormat.of(frames, None, None), Fraction(30))
    try:
        header = FragmentMuxer(container, silent.video, None).header()
    finally:
        silent.close()
    for another, problem in ((header, "other streams"), (b"none at all", "damaged")):
        with pytest.raises(ValidationError, match=problem):
            TakeEncoder(container, TakeFormat(32, 48, 2, 24000), Fraction(30), header=another)


def test_pictures_that_the_header_does_not_tell_of_are_refused() -> None:
    """Decoders would show something else."""
    container, frames = STREAM_FORMATS["flac"], np.zeros((1, 32, 48, 3), np.uint8)
    take = TakeFormat.of(frames, None, None)
    options = {**container.video_options, "qp": "30"}
    before = TakeEncoder(evolve(container, video_options=options), take, Fraction(30))
    try:
        header = FragmentMuxer(container, before.video, None).header()
    finally:
        before.close()
    encoder = TakeEncoder(container, take, Fraction(30), header=header)
    try:
        with pytest.raises(ValidationError, match="other rules"):
            encoder.encode(frames, None)
    finally:
        encoder.close()


@pytest.mark.parametrize("size", [(128, 192), (704, 1280), (65, 64)])
def test_a_file_begun_with_a_slower_preset_can_be_gone_on_with(size: tuple[int, int]) -> None:
    """Earlier releases had x264's medium preset; its header tells decoders the same."""
    container, frames = CONTAINER_FORMATS[".mp4"], np.zeros((1, *size, 3), np.uint8)
    take = TakeFormat.of(frames, None, None)
    before = {"tune": "zerolatency", "bf": "0", "forced-idr": "1", "crf": "18", "preset": "medium"}
    headers = []
    for options in (before, container.video_options):
        encoder = TakeEncoder(evolve(container, video_options=options), take, Fraction(30))
        try:
            assert encoder.video is not None
            headers.append(encoder.video.codec_context.extradata)
        finally:
            encoder.close()
    # What is after these is x264's note of its options, which no decoder reads.
    sets = [each.partition(b"\0\0\1\x06")[0] for each in headers if each is not None]
    assert sets[0] == sets[1] != b""


def test_a_streams_quick_pixels_are_as_near_to_the_picture() -> None:
    """Hues that change slowly are where a sloppy conversion shows: its chroma is beside them."""
    rows, columns = np.mgrid[:96, :128] / 16
    waves = [np.sin(rows + phase) * np.cos(columns - phase) for phase in (0, 1, 2)]
    frames = np.round(127.5 + 120 * np.stack(waves, 2))[None].astype(np.uint8)
    container = STREAM_FORMATS["flac"]
    quick = decoded(container, frames)
    exact = decoded(evolve(container, quick_pixels=False), frames)
    errors = [float(((each - frames) ** 2.0).mean()) for each in (quick, exact)]
    assert errors[0] < 1.1 * errors[1] + 0.1
    assert abs(float((quick - exact).mean())) < 0.25, "no cast"


def decoded(container: ContainerFormat, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What players see of them, float64 RGB, encoded as well as H.264 can."""
    options = {**container.video_options, "crf": "1"}
    take = TakeFormat.of(frames, None, None)
    encoder = TakeEncoder(evolve(container, video_options=options), take, Fraction(24))
    try:
        packets = encoder.encode(frames, None).video
        muxer = FragmentMuxer(container, encoder.video, None)
        data = muxer.header() + muxer.fragment(Encoded(packets))
    finally:
        encoder.close()
    with av.open(io.BytesIO(data), "r") as file:
        shown = [
            each.reformat(
                format="rgb24",
                src_colorspace=Colorspace.ITU709,
                interpolation=Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT,
            ).to_ndarray()
            for each in file.decode(video=0)
        ]
    return np.array(shown, np.float64)


def slices(picture: bytes) -> int:
    """Slices of an access unit in Annex B (ITU-T H.264): start codes, then types 1 or 5."""
    return sum(piece[0] & 31 in (1, 5) for piece in picture.split(b"\0\0\1")[1:])
