"""The contract of model families."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

import longtake as lt
from longtake.testing.codecs.contract import CodecContract
from longtake.testing.families.declared import DeclaredContract
from longtake.testing.families.kinds import KindContract
from longtake.testing.families.loops import LoopContract
from longtake.testing.families.options import OptionContract
from longtake.testing.families.recognised import RecognitionContract
from longtake.testing.families.recorded import RecordedContract
from longtake.testing.families.results import ResultContract
from longtake.testing.families.runs import RunContract
from longtake.testing.families.seams import SeamContract
from longtake.testing.families.takes import TakeContract
from longtake.testing.families.trying import TriedFamily

__all__ = ["FamilyContract"]


class FamilyContract(
    DeclaredContract,
    RecognitionContract,
    OptionContract,
    ResultContract,
    RunContract,
    LoopContract,
    TakeContract,
    SeamContract,
    RecordedContract,
    KindContract,
    CodecContract,
):
    """What every family must do. Subclass it and fill the fixture ``plugin``::

        class TestFog(FamilyContract):
            @pytest.fixture
            def plugin(self):
                return "longtake_fog"

    The plugin is loaded alone; a family with weights is tried on the checkpoint that its
    ``example`` writes. Its first codec is tried too, as by `CodecContract`, on states of a real
    take, and what is written as each of its kinds must be read back. A state of every kind is kept
    in the folder ``states`` beside the test file: run pytest with ``--record-states`` once per
    kind, and commit it.

    A take of two segments is held to be what one long segment is; a family that cannot promise it
    sets ``two_segments_are_one_long = False``, and its seam must then be no larger a step than
    those inside the segments.

    Overridable fixtures: ``family_name``, when the plugin has several families; ``sampling`` and
    ``stage_overrides``, which make requests small; ``overlap_frames``; ``load_options``, keywords
    of `longtake.load`; ``demanded_inputs``, of presets that a prompt alone is not enough for;
    ``states_folder``; and those of `CodecContract`.
    """

    @pytest.fixture
    def codec(self, tried: TriedFamily) -> lt.ContinuationCodec[Any]:
        """The family's codec that writes."""
        return tried.codec

    @pytest.fixture
    def typed_states(
        self, tried: TriedFamily, codec: lt.ContinuationCodec[Any]
    ) -> st.SearchStrategy[Any]:
        """The states of a real take, after its first and its second segment."""
        results = (tried.first, tried.second)
        states = [codec.decode(each.state) for each in results if each.state is not None]
        if not states:
            pytest.fail("the family has a codec, but gave no state where one was asked for")
        return st.sampled_from(states)
