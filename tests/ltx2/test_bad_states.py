"""States that do not fit are refused with the path of the field, before any network runs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import torch

import longtake as lt
from longtake_ltx2.clock import samples_of
from longtake_ltx2.continuation import LTX2ContinuationCodec, LTX2ContinuationState
from longtake_ltx2.sound import SoundDecoder
from tests.ltx2.documents import DictStore
from tests.ltx2.support import Checkpoints, moving_frames
from tests.ltx2.watching import Watched, quick

CODEC = LTX2ContinuationCodec()
Change = Callable[[LTX2ContinuationState], LTX2ContinuationState]


@pytest.fixture(scope="module")
def watched(checkpoints: Checkpoints) -> Watched:
    return Watched(checkpoints.path("2.0"))


@pytest.fixture(scope="module")
def state(watched: Watched) -> LTX2ContinuationState:
    """After two real segments."""
    session = lt.Session(watched.pipeline, stage_overrides=quick())
    session.extend("one")
    session.extend("two")
    assert session.state is not None
    return CODEC.decode(session.state)


def generated(watched: Watched, state: lt.ContinuationState, **options: Any) -> Any:
    sampling = lt.Sampling(**options.pop("sampling", {}))
    request = lt.GenerationRequest(
        "x", state=state, sampling=sampling, stage_overrides=quick(), output=lt.Output(last=False)
    )
    return watched.pipeline.generate(request, **options)


def refusal(watched: Watched, state: lt.ContinuationState, **options: Any) -> lt.ValidationError:
    with watched.counted() as ran, pytest.raises(lt.ValidationError) as caught:
        generated(watched, state, **options)
    assert not ran
    return caught.value


def unfinished(watched: Watched, state: lt.ContinuationState) -> lt.ValidationError:
    with watched.counted() as ran, pytest.raises(lt.ValidationError) as caught:
        watched.pipeline.finish(state)
    assert not ran
    return caught.value


def clock(**changes: Any) -> Change:
    def change(value: LTX2ContinuationState) -> LTX2ContinuationState:
        metadata = copy.deepcopy(value.metadata)
        metadata["longtake"]["clock"] |= changes
        return attrs.evolve(value, metadata=metadata)

    return change


def fields(**changes: Any) -> Change:
    return lambda value: attrs.evolve(value, **changes)


def without_clock(**changes: Any) -> Change:
    return fields(metadata={}, **changes)


def lacking(samples: int) -> Change:
    """The take has handed out so many samples less than it has."""

    def change(value: LTX2ContinuationState) -> LTX2ContinuationState:
        assert value.clock is not None and value.clock.samples is not None
        return clock(samples=value.clock.samples - samples)(value)

    return change


CLOCK = "payload.metadata.longtake.clock"
CHANGES: list[tuple[Change, str]] = [
    (fields(video_frames=moving_frames(9, 50, 96)), "payload.video"),
    (fields(video_frames=moving_frames(9, 64, 100)), "payload.video"),
    (fields(video_frames=moving_frames(9, 32, 96)), "sampling.height"),
    (fields(video_frames=moving_frames(25)), "sampling.num_frames"),
    (fields(audio_sample_rate=48_000), "payload.audio_sample_rate"),
    (fields(audio_latents=torch.zeros(1, 8, 64, 16)), "payload.audio"),
    (fields(audio_latents=torch.zeros(2, 2, 64, 3)), "payload.audio"),
    (fields(video_conditioning_frame_idx=9), "sampling.num_frames"),
    (without_clock(video_position_offset_sec=1e5), "payload.video_position_offset_sec"),
    (
        without_clock(video_position_offset_sec=-2.0, audio_conditioning_num_frames=40),
        "payload.audio_conditioning_num_frames",
    ),
    (clock(latents=44), f"{CLOCK}.latents"),
    (clock(frames=42), f"{CLOCK}.latents"),
    (clock(frames=7, latents=7), f"{CLOCK}.frames"),
    (clock(samples=10**6), f"{CLOCK}.samples"),
    (clock(frames=2401, latents=2501, samples=0), f"{CLOCK}.samples"),
    (clock(frames=2401, latents=2501, samples=240 * 9000), f"{CLOCK}.samples"),
    (lacking(24_000), f"{CLOCK}.samples"),
]


@pytest.mark.parametrize(("change", "path"), CHANGES)
def test_a_state_that_does_not_fit(
    watched: Watched, state: LTX2ContinuationState, change: Change, path: str
) -> None:
    written = change(state).to_continuation_state()
    prefix = "" if path.startswith("sampling") else "state."
    assert refusal(watched, written).path == prefix + path


def test_the_state_itself_fits(watched: Watched, state: LTX2ContinuationState) -> None:
    written = state.to_continuation_state()
    assert len(generated(watched, written).frames) == 16
    assert watched.pipeline.finish(written).audio is not None


def test_a_state_without_sound_goes_on_and_hands_all_samples_out(
    watched: Watched, state: LTX2ContinuationState
) -> None:
    silent = attrs.evolve(state, audio_latents=None, audio_conditioning_num_frames=0)
    one = generated(watched, state.to_continuation_state())
    other = generated(watched, silent.to_continuation_state())
    assert one.audio.shape == other.audio.shape


@pytest.mark.parametrize(
    ("sampling", "path"),
    [
        ({"height": 128}, "sampling.height"),
        ({"width": 64}, "sampling.width"),
        ({"fps": 25}, "sampling.fps"),
        ({"fps": "24000/1001"}, "sampling.fps"),
        ({"num_frames": 9}, "sampling.num_frames"),
        ({"num_frames": 1}, "sampling.num_frames"),
        ({"num_frames": 24}, "sampling.num_frames"),
    ],
)
def test_another_size_or_rate(
    watched: Watched, state: LTX2ContinuationState, sampling: dict[str, Any], path: str
) -> None:
    assert refusal(watched, state.to_continuation_state(), sampling=sampling).path == path


def test_another_kind_or_version(watched: Watched, state: LTX2ContinuationState) -> None:
    written = state.to_continuation_state()
    foreign = attrs.evolve(written, kind="wan.v1")
    assert refusal(watched, foreign).path == "state.kind"
    assert unfinished(watched, foreign).path == "state.kind"
    newer = attrs.evolve(written, payload={**written.payload, "schema_version": 2})
    assert refusal(watched, newer).path == "state.payload.schema_version"
    assert unfinished(watched, newer).path == "state.payload.schema_version"


@pytest.mark.parametrize("part", ["video", "audio"])
def test_blobs(watched: Watched, state: LTX2ContinuationState, part: str) -> None:
    store = DictStore()
    written = LTX2ContinuationCodec(0).encode(state, store)
    path, blob_id = f"state.payload.{part}.blob_id", written.payload[part]["blob_id"]
    other_part = "audio" if part == "video" else "video"
    inline = state.to_continuation_state().payload
    half = attrs.evolve(written, payload={**written.payload, other_part: inline[other_part]})
    assert refusal(watched, half).path == path
    assert len(generated(watched, half, blobs=store).frames) == 16
    whole = store.blobs[blob_id]
    foreign = store.blobs[written.payload[other_part]["blob_id"]]
    for damaged in (b"", whole[: len(whole) // 2], whole[:-1], whole + b"x", foreign, b"\xff" * 99):
        store.blobs[blob_id] = damaged
        assert refusal(watched, half, blobs=store).path.startswith(path)
    store.drop(blob_id)
    refused = refusal(watched, half, blobs=store)
    assert refused.path == path
    assert "dropped" in str(refused)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (fields(audio_latents=None, audio_conditioning_num_frames=0), "payload.audio"),
        (fields(metadata={}), ""),
        (fields(audio_sample_rate=48_000), "payload.audio_sample_rate"),
        (fields(audio_latents=torch.zeros(1, 8, 64, 16)), "payload.audio"),
        (clock(samples=10**6), f"{CLOCK}.samples"),
        (clock(samples=None), CLOCK),
        (clock(frames=42), f"{CLOCK}.latents"),
        (clock(frames=10**9), f"{CLOCK}.latents"),
        (clock(latents=44), f"{CLOCK}.latents"),
        (clock(frames=2401, latents=2501, samples=0), f"{CLOCK}.samples"),
        (lacking(24_000), f"{CLOCK}.samples"),
    ],
)
def test_a_take_that_cannot_be_finished(
    watched: Watched, state: LTX2ContinuationState, change: Change, path: str
) -> None:
    refused = unfinished(watched, change(state).to_continuation_state())
    assert refused.path == f"state.{path}".rstrip(".")


def test_a_take_that_carries_much_sound_decodes_no_more_than_a_minute_to_finish(
    watched: Watched, state: LTX2ContinuationState, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched.pipeline.components() as components:
        decoder = SoundDecoder(components["audio_decoder"], components["vocoder"])
    frames, latents = 24 * 170, 25 * 170
    handed_out = samples_of(latents, decoder.sample_rate) - decoder.hold_back
    change = clock(frames=frames, latents=latents, samples=handed_out)
    long = fields(audio_latents=torch.zeros(1, 2, 4000, 3))(change(state))
    decoded: list[int] = []
    decode = decoder.audio_vae.decode

    def watched_decode(known: torch.Tensor, **options: Any) -> Any:
        decoded.append(known.shape[2])
        return decode(known, **options)

    monkeypatch.setattr(decoder.audio_vae, "decode", watched_decode)
    end = watched.pipeline.finish(long.to_continuation_state())
    (latents_decoded,) = decoded
    assert 0 < latents_decoded <= 60 * 25
    assert end.audio is not None
    assert end.audio.shape[1] <= decoder.hold_back + decoder.sample_rate // 20 + 1
