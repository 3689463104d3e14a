"""Any LTX-2 state survives being written and read."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationCodec, LTX2ContinuationState
from tests.ltx2.documents import DictStore, described

finite = st.floats(-1e6, 1e6, allow_nan=False)
share = st.floats(0, 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def states(draw: st.DrawFn) -> LTX2ContinuationState:
    seed = draw(st.integers(0, 2**32 - 1))
    frames = None
    if count := draw(st.integers(0, 4)):
        size = (count, draw(st.integers(1, 20)), draw(st.integers(1, 20)), 3)
        frames = list(np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8))
    audio, context = None, 0
    if draw(st.booleans()):
        shape = tuple(draw(st.integers(1, 5)) for _ in range(4))
        dtype = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
        audio = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
        context = draw(st.integers(0, shape[2]))
    bag = st.dictionaries(st.text(max_size=8).filter(lambda k: k != "longtake"), json_values)
    return LTX2ContinuationState(
        segment_index=draw(st.integers(0, 2**53)),
        video_frames=frames,
        video_conditioning_frame_idx=draw(st.integers(0, 1000)),
        video_conditioning_strength=draw(share),
        audio_latents=audio,
        audio_sample_rate=draw(st.none() | st.integers(1, 192_000)),
        audio_conditioning_num_frames=context,
        audio_conditioning_strength=draw(share),
        video_position_offset_sec=draw(finite),
        metadata=draw(bag),
        unknown_fields=draw(st.dictionaries(st.text("xyz", min_size=1, max_size=3), json_values)),
    )


@settings(max_examples=60, deadline=None)
@given(states(), st.booleans(), st.integers(0, 3000))
def test_any_state_survives_the_way_there_and_back(
    value: LTX2ContinuationState, stored: bool, threshold: int
) -> None:
    store = DictStore() if stored else None
    codec = LTX2ContinuationCodec(threshold)
    back = codec.decode(lt.ContinuationState.from_json(codec.encode(value, store).to_json()), store)
    assert described(back) == described(value)
    assert back.unknown_fields == value.unknown_fields
    assert back.video_frames_blob_id is None
    assert back.audio_latents_blob_id is None
