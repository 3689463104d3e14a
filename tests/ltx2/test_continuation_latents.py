"""States of kind ``ltx2.v2`` carry what the next segment would encode, and it goes on the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import strategies as st

import longtake as lt
from longtake.testing import CodecContract
from longtake_ltx2.continuation import (
    LTX2_LATENTS_KIND,
    EncodedPrefix,
    LTX2ContinuationCodec,
    LTX2ContinuationState,
    LTX2LatentsCodec,
)
from tests.ltx2.documents import DictStore, small_frames
from tests.ltx2.support import NO_GUIDANCE, Checkpoints, networks
from tests.ltx2.test_continuation_round_trip import states

V1, V2 = "ltx2.v1", LTX2_LATENTS_KIND
CODEC = LTX2LatentsCodec()
ONE_STAGE, TWO_STAGE = "ltx2_tiny", "ltx2_two_stage"
SIZES = {ONE_STAGE: 64, TWO_STAGE: 128}
PASSES = {ONE_STAGE: 1, TWO_STAGE: 2}


def asked(preset: str, kind: str | None = V2, **fields: Any) -> lt.GenerationRequest:
    size = SIZES[preset]
    return lt.GenerationRequest(
        "a bell",
        sampling=lt.Sampling(height=size, width=size, num_frames=17, num_inference_steps=2),
        stage_overrides={"denoise": NO_GUIDANCE if preset == ONE_STAGE else {}},
        output=lt.Output(last=False, return_state=True, state_kind=kind),
        **fields,
    )


def again(state: lt.ContinuationState | None) -> lt.ContinuationState:
    """As another worker gets it."""
    assert state is not None
    return lt.ContinuationState.from_json(state.to_json())


@pytest.fixture
def encodes(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shape of the pixels of every call of the video VAE's encoder."""
    seen: list[tuple[int, ...]] = []
    vae = type(networks(tiny)["vae"])
    encode = vae.encode

    def watched(self: Any, pixels: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if pixels.device.type != "meta":  # which is how a run's shares are estimated
            seen.append(tuple(pixels.shape))
        return encode(self, pixels, *args, **kwargs)

    monkeypatch.setattr(vae, "encode", watched)
    return seen


def rolled(pipeline: lt.Pipeline, preset: str, kind: str, segments: int) -> Iterator[Any]:
    """The new frames and sound of each segment, which goes on from the document before."""
    state = None
    for _ in range(segments):
        made = pipeline.generate(asked(preset, kind, state=state))
        assert made.audio is not None
        yield made.frames, made.audio
        state = again(made.state)
        assert state.kind == kind
        assert ("video" in state.payload) == (kind == V1)


@pytest.mark.parametrize("preset", [ONE_STAGE, TWO_STAGE])
@pytest.mark.parametrize("generation", ["2.0", "2.3", "2.5"])
def test_both_kinds_give_the_same_take(
    checkpoints: Checkpoints, generation: Any, preset: str, request: pytest.FixtureRequest
) -> None:
    segments = request.config.getoption("--kind-segments")
    with lt.load(checkpoints.path(generation), preset=preset) as pipeline:
        frames = rolled(pipeline, preset, V1, segments)
        latents = rolled(pipeline, preset, V2, segments)
        for number, (one, other) in enumerate(zip(frames, latents, strict=True)):
            for a, b in zip(one, other, strict=True):
                assert np.array_equal(a, b), f"segment {number}"


@pytest.mark.parametrize("preset", [ONE_STAGE, TWO_STAGE])
def test_no_vae_encodes_on_the_way_in_and_each_pass_has_its_latents(
    tiny: Path, preset: str, encodes: list[tuple[int, ...]]
) -> None:
    with lt.load(tiny, preset=preset) as pipeline:
        first = pipeline.generate(asked(preset))
        assert len(encodes) == PASSES[preset]
        encodes.clear()
        state = again(first.state)
        pipeline.generate(evolve(asked(preset, state=state), output=lt.Output()))
        assert encodes == []
        pipeline.generate(evolve(asked(preset), output=lt.Output()), after=first.live_state)
        assert encodes == []
        prefix = CODEC.decode(state).video_latents
        assert prefix is not None and prefix.num_frames == 9
        assert prefix.size == (SIZES[preset], SIZES[preset])
        assert [each.shape[2] for each in prefix.latents] == [2] * PASSES[preset]


def test_a_segment_that_gives_frames_encodes_nothing_for_its_state(
    tiny: Path, encodes: list[tuple[int, ...]]
) -> None:
    with lt.load(tiny) as pipeline:
        pipeline.generate(asked(ONE_STAGE, V1))
        pipeline.generate(evolve(asked(ONE_STAGE), output=lt.Output(state_kind=V2)))
    assert encodes == []


def test_latents_are_kept_in_the_vaes_own_floats(tiny: Path) -> None:
    with lt.load(tiny, preset=ONE_STAGE, vae_precision="bf16") as pipeline:
        state = again(pipeline.generate(asked(ONE_STAGE)).state)
        prefix = CODEC.decode(state).video_latents
        assert prefix is not None and prefix.latents[0].dtype == torch.bfloat16
        ours = pipeline.generate(asked(ONE_STAGE, state=state)).frames
        frames = again(pipeline.generate(asked(ONE_STAGE, V1)).state)
        theirs = pipeline.generate(asked(ONE_STAGE, V1, state=frames)).frames
        assert np.array_equal(ours, theirs)


OTHERS: dict[str, dict[str, Any]] = {
    "another dtype": {"vae_precision": "bf16"},
    "tiles": {"vae_tiling": True},
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_vae_encodes_the_frames_of_a_portable_state_and_refuses_others(
    tiny: Path, name: str, encodes: list[tuple[int, ...]]
) -> None:
    made = {}
    for portable in (False, True):
        with lt.load(tiny, preset=ONE_STAGE, portable_states=portable) as pipeline:
            made[portable] = again(pipeline.generate(asked(ONE_STAGE)).state)
            v1 = again(pipeline.generate(asked(ONE_STAGE, V1)).state)
    encodes.clear()
    with lt.load(tiny, preset=ONE_STAGE, **OTHERS[name]) as other:
        with pytest.raises(lt.ValidationError, match="of another VAE.*portable_states") as caught:
            other.check(asked(ONE_STAGE, state=made[False]))
            other.generate(asked(ONE_STAGE, state=made[False]))
        assert caught.value.path == "state.payload.video_latents"
        assert encodes == []
        expected = other.generate(asked(ONE_STAGE, V1, state=v1))
        encodes.clear()
        got = other.generate(asked(ONE_STAGE, V1, state=made[True]))
        assert len(encodes) == 1
        assert np.array_equal(expected.frames, got.frames)


def test_a_recipe_with_a_pass_of_another_size_needs_frames(tiny: Path) -> None:
    sampling = lt.Sampling(height=128, width=128, num_frames=17, num_inference_steps=2)
    opening = evolve(asked(ONE_STAGE), sampling=sampling)
    with lt.load(tiny, preset=ONE_STAGE) as pipeline:
        lean = again(pipeline.generate(opening).state)
    with lt.load(tiny, preset=ONE_STAGE, portable_states=True) as pipeline:
        portable = again(pipeline.generate(opening).state)
    with lt.load(tiny, preset=TWO_STAGE) as pipeline:
        with pytest.raises(lt.ValidationError, match="none of a pass of 64x64") as caught:
            pipeline.generate(asked(TWO_STAGE, state=lean))
        assert caught.value.path == "state.payload.video_latents"
        assert len(pipeline.generate(asked(TWO_STAGE, state=portable)).frames) == 8


def test_one_kind_is_written_as_the_other_where_the_frames_are_there(tiny: Path) -> None:
    v1 = LTX2ContinuationCodec()
    with lt.load(tiny, preset=ONE_STAGE, portable_states=True) as pipeline:
        portable = CODEC.decode(again(pipeline.generate(asked(ONE_STAGE)).state))
        frames_only = again(pipeline.generate(asked(ONE_STAGE, V1)).state)
    assert v1.encode(portable).to_json() == frames_only.to_json()
    assert CODEC.encode(v1.decode(frames_only)).payload == frames_only.payload
    lean = evolve(portable, video_frames=None)
    with pytest.raises(lt.ValidationError, match="portable_states") as caught:
        v1.encode(lean)
    assert caught.value.path == "state.video_frames"


def test_a_summary_shows_the_latents(tiny: Path) -> None:
    with lt.load(tiny, preset=TWO_STAGE) as pipeline:
        state = pipeline.generate(asked(TWO_STAGE)).state
    assert state is not None
    part = next(each for each in CODEC.summarize(state).parts if each.name == "video latents")
    assert part.where == "inline"
    assert "[1, 8, 2, 2, 2], [1, 8, 2, 4, 4], of 9 frames of 128x128" in part.detail


def test_latents_beside_other_frames_are_refused() -> None:
    value = LTX2ContinuationState(video_frames=small_frames(9, 32, 64), video_latents=prefix())
    CODEC.encode(value)
    for frames in (small_frames(8, 32, 64), small_frames(9, 64, 32)):
        with pytest.raises(lt.ValidationError, match="but there are") as caught:
            CODEC.encode(evolve(value, video_frames=frames))
        assert caught.value.path == "state.payload.video_latents"


def test_latents_that_were_not_fetched_stay_a_reference() -> None:
    store = DictStore()
    codec = LTX2LatentsCodec(inline_threshold_bytes=0)
    written = codec.encode(LTX2ContinuationState(video_latents=prefix()), store)
    assert codec.blob_ids(written) == (written.payload["video_latents"]["blob_id"],)
    unfetched = codec.decode(written)
    assert unfetched.video_latents is None and unfetched.video_latents_blob_id == "blob-0"
    assert codec.encode(unfetched) == written
    with pytest.raises(lt.ValidationError, match="video_frames"):
        LTX2ContinuationCodec().encode(unfetched)


BAD_SHAPES: dict[str, list[tuple[int, ...]]] = {
    "no pass": [],
    "five passes": [(1, 2, 2, n, n) for n in range(1, 6)],
    "two of a size": [(1, 2, 2, 1, 1), (1, 2, 2, 1, 1)],
    "large first": [(1, 2, 2, 2, 2), (1, 2, 2, 1, 1)],
    "other channels": [(1, 2, 2, 1, 1), (1, 3, 2, 2, 2)],
    "other frames": [(1, 2, 2, 1, 1), (1, 2, 3, 2, 2)],
    "two in a batch": [(2, 2, 2, 1, 1)],
    "four dimensions": [(1, 2, 2, 1)],
    "a side too long": [(1, 1, 1, 300, 1)],
    "too many frames": [(1, 1, 130, 1, 1)],
}


@pytest.mark.parametrize("name", BAD_SHAPES)
def test_latents_of_another_form_are_refused(name: str) -> None:
    tensors = tuple(torch.zeros(shape) for shape in BAD_SHAPES[name])
    with pytest.raises(lt.ValidationError, match=r"state\.payload\.video_latents"):
        EncodedPrefix(tensors, "vae")


@pytest.mark.parametrize("vae", ["", "x" * 129, "a\nb", 3])
def test_a_fingerprint_is_a_short_text(vae: Any) -> None:
    with pytest.raises(lt.ValidationError, match=r"video_latents\.vae"):
        EncodedPrefix((torch.zeros(1, 1, 1, 1, 1),), vae)


def prefix() -> EncodedPrefix:
    """Of nine frames of 32x64 pixels."""
    generator = torch.Generator().manual_seed(0)
    return EncodedPrefix((torch.randn((1, 2, 2, 1, 2), generator=generator),), "sha256:0")


@st.composite
def states_with_latents(draw: st.DrawFn) -> LTX2ContinuationState:
    value = draw(states())
    passes = draw(st.integers(0, 3))
    if not passes:
        return value
    seed = draw(st.integers(0, 2**32 - 1))
    dtype = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
    channels, frames, height = (draw(st.integers(1, 3)) for _ in range(3))
    made = tuple(
        torch.randn(
            (1, channels, frames, height * each, height * each),
            generator=torch.Generator().manual_seed(seed),
        ).to(dtype)
        for each in range(1, passes + 1)
    )
    name = draw(st.text(min_size=1, max_size=128).filter(str.isprintable))
    return evolve(value, video_frames=None, video_latents=EncodedPrefix(made, name))


class TestLatentsWithBlobs(CodecContract):
    """States with and without latents, with every part in the store."""

    IGNORES_UNKNOWN_IN = ("video", "audio", "video_latents")
    MANY = 100_000

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return LTX2LatentsCodec(inline_threshold_bytes=0)

    @pytest.fixture
    def typed_states(self) -> st.SearchStrategy[Any]:
        return states_with_latents()
