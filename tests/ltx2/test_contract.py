"""LTX-2 passes the contract that every family and every codec passes, on a tiny checkpoint."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import longtake as lt
from longtake.testing import CodecContract, FamilyContract
from longtake_ltx2.continuation import LTX2ContinuationCodec
from tests.ltx2.inputs import clip, tone
from tests.ltx2.support import moving_frames
from tests.ltx2.test_continuation_round_trip import states

IGNORED = ("video", "audio")
"""Extra keys there are about the part and may be ignored, as other readers do."""


class TestLTX2(FamilyContract):
    two_segments_are_one_long = False
    IGNORES_UNKNOWN_IN = IGNORED
    MANY = 100_000

    @pytest.fixture
    def plugin(self) -> str:
        return "longtake_ltx2.plugin"

    @pytest.fixture
    def sampling(self) -> dict[str, Any]:
        return {"height": 64, "width": 64, "num_frames": 17}

    @pytest.fixture
    def demanded_inputs(self) -> dict[str, lt.Inputs]:
        sound, picture = lt.Inputs(audio=tone(1.0)), lt.Inputs(clips=(clip(count=17),))
        names = ("audio_to_video", "video_to_audio")
        given = {
            f"{generation}_{name}": inputs
            for generation in ("ltx2", "ltx2_3")
            for name, inputs in zip(names, (sound, picture), strict=True)
        }
        wider = lt.SourceInput.from_frames(
            np.stack(moving_frames(17, 64, 48)), Fraction(24), pad_left=16
        )
        return {**given, "ltx2_inpaint": lt.Inputs(source=wider)}

    @pytest.fixture
    def stage_overrides(self) -> dict[str, dict[str, Any]]:
        return {"denoise": {"num_inference_steps": 2, "stg_blocks": [1]}}


class TestCodecWithBlobs(CodecContract):
    """States of all kinds, with every part in the store."""

    IGNORES_UNKNOWN_IN = IGNORED
    MANY = 100_000

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return LTX2ContinuationCodec(inline_threshold_bytes=0)

    @pytest.fixture
    def typed_states(self) -> st.SearchStrategy[Any]:
        return states()
