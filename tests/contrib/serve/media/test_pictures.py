"""Pictures of a served take show the take: its frame, and where its sound is loud."""

from __future__ import annotations

import io

import numpy as np
import pytest
from attrs import evolve
from numpy.typing import NDArray
from PIL import Image

import longtake as lt
from longtake_serve.media.pictures import sheet, thumbnail, waveform_image
from longtake_serve.media.pieces import put_piece
from longtake_serve.media.stream import StreamNotFound, TakeStream
from tests.contrib.serve.media.takes import Served

RATE = 48_000


def stream_of(result: lt.GenerationResult, *, codec: str = "flac") -> TakeStream:
    """The stream of a take that is this one segment."""
    sessions, blobs = lt.open_session_store("memory:"), lt.open_blob_store("memory:")
    served = Served(sessions, blobs)
    made = lt.stream_segment(None, result, audio_codec="flac" if codec == "flac" else "aac")
    media = put_piece(made, None, None, blobs)
    sessions.create("take", family="pendulum", preset="swing@1")
    segment = lt.SessionSegment(index=0, step="s", attempt="a", media=media, blob_ids=media)
    sessions.advance("take", 0, segment, None)
    return served.read("take", finished=True)


def result_of(
    colour: tuple[int, int, int], sound: NDArray[np.float32] | None
) -> lt.GenerationResult:
    frames = np.tile(np.array(colour, np.uint8), (48, 64, 96, 1))
    return lt.GenerationResult(
        frames=frames,
        audio=sound,
        audio_sample_rate=None if sound is None else RATE,
        fps=lt.Job.example("").sampling.fps,
    )


def as_sound(samples: NDArray[np.float64]) -> NDArray[np.float32]:
    sound: NDArray[np.float32] = samples[None].astype(np.float32)
    return sound


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("colour", [(200, 30, 40), (20, 180, 60), (90, 90, 200)])
def test_a_thumbnail_has_the_takes_colours_and_its_shape(colour: tuple[int, int, int]) -> None:
    stream = stream_of(result_of(colour, None))
    picture = opened(thumbnail(stream, width=48, kind="PNG"))
    assert (picture.format, picture.size) == ("PNG", (48, 32))
    assert np.abs(np.asarray(picture).astype(int) - colour).max() <= 6
    picture = opened(thumbnail(stream))
    assert (picture.format, picture.size) == ("JPEG", (96, 64))


def test_a_thumbnail_is_of_the_middle_of_the_take() -> None:
    served = Served(lt.open_session_store("memory:"), lt.open_blob_store("memory:"))
    served.roll(served.create(), 3)
    picture = np.asarray(opened(thumbnail(served.read(), kind="PNG"))).astype(int)
    off = [np.abs(picture - each.frames[0].astype(int)).mean() for each in served.results]
    assert int(np.argmin(off)) == 1


def test_the_waveform_is_high_where_the_sound_is_loud() -> None:
    seconds = 48 / float(lt.Job.example("").sampling.fps)
    time = np.arange(round(seconds * RATE)) / RATE
    loud = np.where(time < seconds / 2, 0.8, 0.2) * np.sin(2 * np.pi * 330 * time)
    stream = stream_of(result_of((9, 9, 9), as_sound(loud)))
    picture = opened(waveform_image(stream, width=200, height=81))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGBA", (200, 81))
    opaque = np.asarray(picture)[..., 3] == 255
    heights = opaque.sum(axis=0)
    assert (heights[2:97] > 75).all()
    assert (np.abs(heights[103:198] - 21) <= 4).all()


def test_the_waveform_of_silence_and_of_no_sound_is_a_line() -> None:
    silence = np.zeros((2, 2 * RATE), np.float32)
    for sound in (silence, None):
        picture = opened(waveform_image(stream_of(result_of((9, 9, 9), sound)), height=21))
        assert set(np.nonzero(np.asarray(picture)[..., 3])[0]) == {10}


def test_nothing_is_no_thumbnail_and_sound_has_none() -> None:
    served = Served(lt.open_session_store("memory:"), lt.open_blob_store("memory:"))
    served.create()
    with pytest.raises(StreamNotFound, match="no picture yet"):
        thumbnail(served.read())
    sound = np.full((1, RATE), 0.3, np.float32)
    alone = evolve(result_of((0, 0, 0), sound), frames=np.zeros((0, 0, 0, 3), np.uint8))
    with pytest.raises(StreamNotFound, match="sound alone"):
        thumbnail(stream_of(alone))


def test_a_sheet_shows_the_segments_asked_for() -> None:
    served = Served(lt.open_session_store("memory:"), lt.open_blob_store("memory:"))
    served.roll(served.create(), 4)
    stream = served.read(finished=True)
    labels = [f"sea {number}" for number in range(4)]
    whole, last = (opened(sheet(stream, labels, first=n)) for n in (0, 3))
    assert whole.format == last.format == "PNG"
    assert whole.height > last.height
    picture = opened(sheet(stream, labels, first=2, count=2))
    seam = lt.contact_sheet(
        [
            lt.SegmentView(each.frames[0], each.frames[-1], label, len(each.frames) / 24)
            for each, label in zip(served.results[2:], labels[2:], strict=True)
        ],
        audio=None,
        sample_rate=None,
    )
    box = (0, 0, seam.width, 200)
    difference = np.asarray(picture.crop(box)).astype(int) - np.asarray(seam.crop(box)).astype(int)
    assert np.abs(difference).mean() < 4


def test_a_sheet_of_no_segments_is_refused() -> None:
    served = Served(lt.open_session_store("memory:"), lt.open_blob_store("memory:"))
    served.roll(served.create(), 1)
    with pytest.raises(StreamNotFound, match="no segment 1"):
        sheet(served.read(), ["sea"], first=1)
