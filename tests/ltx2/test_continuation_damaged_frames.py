"""Damaged and hostile PNG files in a state are refused, before memory is taken for them."""

from __future__ import annotations

import base64
import json
import struct
import zlib

import PIL.Image
import pytest

import longtake as lt
from longtake_ltx2.continuation.v1 import frames as frames_module
from tests.ltx2.documents import (
    END,
    SMALL,
    DictStore,
    b64,
    changed,
    chunk,
    decode,
    header,
    pixels,
    png,
    refusal,
)

PNGS: dict[str, bytes] = {
    "jpeg": b"\xff\xd8\xff\xe0" + bytes(60),
    "signature only": png(),
    "no header": png(pixels(7, 5), END),
    "short header": png(chunk(b"IHDR", bytes(12)), pixels(7, 5), END),
    "no pixels": png(header(7, 5), END),
    "no end": png(header(7, 5), pixels(7, 5)),
    "bytes after the end": SMALL + b"x" * 20,
    "chunk after the end": SMALL + chunk(b"tEXt", b"a\0b"),
    "chunk longer than the file": SMALL[:-12] + b"\xff\xff\xff\xffIEND",
    "truncated pixels": png(header(7, 5), chunk(b"IDAT", zlib.compress(bytes(110))[:-5]), END),
    "too few pixels": png(header(7, 5), chunk(b"IDAT", zlib.compress(bytes(40))), END),
    "not deflate": png(header(7, 5), chunk(b"IDAT", bytes(100)), END),
    "zero width": png(header(0, 5), pixels(7, 5), END),
    "zero height": png(header(7, 0), pixels(7, 5), END),
    "grey": png(header(7, 5, colour=0), pixels(7, 5), END),
    "palette": png(header(7, 5, colour=3), pixels(7, 5), END),
    "alpha": png(header(7, 5, colour=6), pixels(9, 5), END),
    "16 bit": png(header(7, 5, depth=16), pixels(14, 5), END),
    "another size": png(header(5, 7), pixels(5, 7), END),
    "wide bomb": png(header(60_000, 1), pixels(60_000, 1), END),
    "bomb": png(header(60_000, 60_000), pixels(7, 5), END),
    "bomb in range": png(header(8192, 4096), pixels(7, 5), END),
    "two headers": png(header(7, 5), header(7, 5), pixels(7, 5), END),
    "header not first": png(chunk(b"gAMA", bytes(4)), header(7, 5), pixels(7, 5), END),
    "unknown critical chunk": png(header(7, 5), chunk(b"ABCD"), pixels(7, 5), END),
    "many chunks": png(header(7, 5), *[chunk(b"IDAT")] * 70_000, pixels(7, 5), END),
    "wrong checksum": SMALL[:-1] + b"x",
}


@pytest.mark.parametrize("name", PNGS)
def test_a_damaged_frame_is_named(name: str) -> None:
    frames = [b64(SMALL), b64(SMALL), b64(PNGS[name])]
    error = refusal(changed("payload.video.frames_b64", frames))
    assert error.path == "state.payload.video.frames_b64[2]"


@pytest.mark.parametrize("size", [(60_000, 60_000), (8192, 4050)])
def test_a_bomb_is_refused_before_an_image_is_opened(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PIL.Image, "open", lambda *_, **__: pytest.fail("opened"))
    frame = b64(png(header(*size), pixels(7, 5), END))
    assert refusal(changed("payload.video.frames_b64", [frame])).path.endswith("frames_b64[0]")


def test_frames_too_large_together_are_refused_before_an_image_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PIL.Image, "open", lambda *_, **__: pytest.fail("opened"))
    frame = b64(png(header(8192, 4050), chunk(b"IDAT", bytes(97_000)), END))
    error = refusal(changed("payload.video.frames_b64", [frame] * 50))
    assert error.path == "state.payload.video.frames_b64"


def test_what_a_state_may_hold_is_refused_before_an_image_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = [b64(png(header(7, 5), pixels(7, 5), END))] * 3
    state = changed("payload.video.frames_b64", frames)
    written = decode(state)
    sound = len(base64.b64decode(state["payload"]["audio"]["safetensors_b64"]))
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", f"{sound + 3 * 7 * 5 * 3}")
    assert len(decode(changed("payload.video.frames_b64", frames)).video_frames or ()) == 3
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", f"{sound + 3 * 7 * 5 * 3 - 1}")
    monkeypatch.setattr(PIL.Image, "open", lambda *_, **__: pytest.fail("opened"))
    error = refusal(changed("payload.video.frames_b64", frames))
    assert error.path == "state.payload.video.frames_b64"
    assert "at most 2" in str(error)
    with pytest.raises(lt.ValidationError, match=r"state\.video_frames: .*at most 2"):
        written.to_continuation_state()


def test_a_state_carries_the_default_overlap_up_to_4k_and_at_every_size_if_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert frames_module.most_frames(3840, 2160) >= 2 * lt.Output().overlap_frames
    assert 3 * 7680 * 4320 * frames_module.most_frames(7680, 4320) <= 2**29
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", "1GiB")
    assert frames_module.most_frames(7680, 4320) >= lt.Output().overlap_frames


def test_small_files_that_unpack_to_gigabytes_are_refused_before_an_image_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PIL.Image, "open", lambda *_, **__: pytest.fail("opened"))
    zeros = zlib.compress(bytes((3 * 4096 + 1) * 4096), 9)
    frame = b64(png(header(4096, 4096), chunk(b"IDAT", zeros), END))
    for count in (11, 85):
        assert len(frame) * count < 6_000_000
        error = refusal(changed("payload.video.frames_b64", [frame] * count))
        assert error.path == "state.payload.video.frames_b64"
        assert f"{count} frames of 4096x4096; a state has at most 10" in error.problem


def test_chunks_that_do_not_matter_to_the_pixels_are_ignored() -> None:
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**21)))
    animation = chunk(b"acTL", struct.pack(">II", 2, 0))
    frame = png(header(7, 5), chunk(b"iCCP", b"damaged"), text, animation, pixels(7, 5), END)
    read = decode(changed("payload.video.frames_b64", [b64(frame)]))
    assert read.video_frames is not None
    assert not read.video_frames[0].any()


@pytest.mark.parametrize(
    ("limits", "problem"),
    [('{"frames": 2}', "must be from 1 to 2"), ('{"pixels": 34}', "more than 34 pixels")],
)
def test_frames_and_pixels_have_the_limits_that_are_set(
    monkeypatch: pytest.MonkeyPatch, limits: str, problem: str
) -> None:
    frames = [b64(png(header(7, 5), pixels(7, 5), END))] * 3
    written = decode(changed("payload.video.frames_b64", frames))
    blobs = DictStore()
    stored = written.to_continuation_state(blob_store=blobs, inline_threshold_bytes=0)
    document = json.loads(stored.to_json())
    monkeypatch.setenv("LONGTAKE_STATE_LIMITS", limits)
    monkeypatch.setattr(PIL.Image, "open", lambda *_, **__: pytest.fail("opened"))
    assert problem in str(refusal(changed("payload.video.frames_b64", frames)))
    assert problem in str(refusal(document, blobs))
    with pytest.raises(lt.ValidationError, match=problem):
        written.to_continuation_state()


def test_a_tensor_has_the_limit_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    written = decode(changed("payload.segment_index", 1))
    monkeypatch.setenv("LONGTAKE_STATE_LIMITS", '{"tensor_bytes": 64}')
    assert "at most 64" in str(refusal(changed("payload.segment_index", 1)))
    with pytest.raises(lt.ValidationError, match="at most 64"):
        written.to_continuation_state()
