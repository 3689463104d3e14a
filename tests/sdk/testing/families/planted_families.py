"""The contract of families over `planted_plugin`: each class is a family with one fault.

Not collected by itself: `test_planted` runs it and looks at what failed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

import longtake as lt
from longtake.testing import FamilyContract
from longtake.testing.families.facts import fields_of
from longtake.testing.families.trying import TriedFamily
from tests.sdk.testing.families import planted_plugin

TESTED: set[tuple[object, ...]] = set()
"""Names of tests of codecs, with the codecs and states that they were run on."""


class Planted(FamilyContract):
    """``fails``: the test that names what is wrong with ``family``, if anything is."""

    MANY = 10_000
    two_segments_are_one_long = False

    module: ClassVar[str] = "tests.sdk.testing.families.planted_plugin"
    family: ClassVar[str] = "healthy"
    fails: ClassVar[str] = ""

    @pytest.fixture
    def plugin(self) -> str:
        return self.module

    @pytest.fixture
    def family_name(self) -> str | None:
        return self.family

    @pytest.fixture
    def sampling(self) -> dict[str, Any]:
        return {"height": 6, "width": 8, "fps": 24}

    @pytest.fixture
    def states_folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.getbasetemp() / f"states-{self.family}"

    @pytest.fixture(autouse=True)
    def codecs_are_tested_once(self, request: pytest.FixtureRequest) -> None:
        """Skips what is known of the same codec but for its kind's name, on the same states."""
        if "typed_states" not in request.fixturenames:
            return
        tried: TriedFamily = request.getfixturevalue("tried")
        states = [each.state for each in (tried.first, tried.second)]
        if type(tried.codec) is not lt.AttrsCodec or None in states:
            return
        decoded = repr([tried.codec.decode(state) for state in states if state is not None])
        given = (request.node.name, tried.codec.evolve(kind="same.v1"), decoded)
        if given in TESTED:
            pytest.skip("a family before has the same codec and the same states")
        TESTED.add(given)


class TestHealthy(Planted):
    pass


class TestWeighted(Planted):
    family = "weighted"


class TestForgetsItsModel(Planted):
    family = "forgets_its_model"
    fails = "test_a_state_says_which_model_it_is_of"


class TestHeavy(Planted):
    module = "tests.sdk.testing.families.planted_heavy"
    family = "heavy"
    fails = "test_declaring_imports_nothing_heavy"


class TestFickle(Planted):
    module = "tests.sdk.testing.families.planted_fickle"
    family = "fickle"
    fails = "test_hooks_answer_the_same_again"


class TestClaimsEverything(Planted):
    family = "claims_everything"
    fails = "test_nothing_else_is_recognised"


class TestClaimsNothing(Planted):
    family = "claims_nothing"
    fails = "test_its_own_example_is_recognised"


class TestFailsToLook(Planted):
    family = "fails_to_look"
    fails = "test_recognising_damaged_files_never_fails"


class TestIgnoresSeed(Planted):
    family = "ignores_seed"
    fails = "test_the_same_seed_gives_the_same_bits"


class TestContinuesByLuck(Planted):
    family = "continues_by_luck"
    fails = "test_the_same_state_gives_the_same_bits"


class TestNumbered(Planted):
    family = "numbered"
    fails = "test_another_pipeline_gives_the_same_bits"


class TestPredictsNothing(Planted):
    family = "predicts_nothing"
    fails = "test_a_prompt_predicts_its_length_or_cannot"


class TestIgnoresCancellation(Planted):
    family = "ignores_cancellation"
    fails = "test_cancelling_stops_within_one_step"


class TestKeepsCancelled(Planted):
    family = "keeps_cancelled"
    fails = "test_a_cancelled_run_leaves_the_pipeline_as_it_was"


class TestKeepsFailed(Planted):
    family = "keeps_failed"
    fails = "test_a_failed_run_leaves_the_pipeline_as_it_was"


class TestOneFrameMore(Planted):
    family = "one_frame_more"
    fails = "test_frames_are_as_many_and_as_large_as_asked_for"


class TestRepeatedFrames(Planted):
    family = "repeated_frames"
    fails = "test_continuing_adds_the_new_frames"


class TestFloatFrames(Planted):
    family = "float_frames"
    fails = "test_frames_are_bytes"


class TestAlwaysPicture(Planted):
    family = "always_picture"
    fails = "test_sound_alone_and_picture_alone"


class TestFailsThick(Planted):
    family = "fails_thick"
    fails = "test_every_preset_generates"


class TestLoud(Planted):
    family = "loud"
    fails = "test_sound_is_float32_between_minus_one_and_one"


class TestShort(Planted):
    family = "short"
    fails = "test_sound_is_as_long_as_the_picture"


class TestLate(Planted):
    family = "late"
    fails = "test_the_sound_of_a_take_is_as_long_as_its_picture"


class TestRemembers(Planted):
    family = "remembers"
    fails = "test_resuming_in_a_new_process_gives_the_same_bits"


class TestCountless(Planted):
    family = "countless"
    fails = "test_segments_are_counted"


class TestFramesAtTheEnd(Planted):
    family = "frames_at_the_end"
    fails = "test_finishing_needs_the_state_alone"


class TestSizeless(Planted):
    family = "sizeless"
    fails = "test_the_take_is_known_from_its_state_alone"


class TestTakesAnything(Planted):
    family = "takes_anything"
    fails = "test_stage_options_refuse_nonsense"


class TestDoesNotLoad(Planted):
    module = "tests.sdk.testing.families.planted_nowhere"
    fails = "test_the_plugin_loads"


class TestLosesASample(Planted):
    module = "tests.sdk.testing.families.planted_sound"
    family = "hum"
    fails = "test_sound_is_as_long_as_the_picture"


class TestLoadsAnything(Planted):
    family = "loads_anything"
    fails = "test_family_options_refuse_nonsense"


class TestBuildsAnything(Planted):
    family = "builds_anything"
    fails = "test_preset_overrides_refuse_nonsense"


class TestUnwired(Planted):
    family = "unwired"
    fails = "test_the_wiring_of_every_preset_holds"


class TestNeedsFps(Planted):
    family = "needs_fps"
    fails = "test_a_prompt_alone_suffices"


class TestEstimates(Planted):
    family = "estimates"


class TestEstimatesItsOwnStages(Planted):
    family = "estimates_its_own"
    fails = "test_the_estimate_has_a_row_for_every_stage"


class TestEstimatesOne(Planted):
    family = "estimates_one"
    fails = "test_the_estimate_is_of_the_recipe"


class TestTwoKinds(Planted):
    family = "two_kinds"


class TestForgetsALevel(Planted):
    family = "forgets_a_level"
    fails = "test_a_state_written_as_each_kind_is_read_back"


class TestLoopsUncounted(Planted):
    family = "polishes_uncounted"
    fails = "test_a_loop_that_a_request_makes_longer_counts_its_steps"


class TestLoopsCounted(Planted):
    family = "polishes_counted"


class TestDoesItAtOnce(Planted):
    family = "polishes_at_once"


class RecordedBefore(Planted):
    """A state of the earlier kind was recorded, with its facts, when it was still read whole."""

    @pytest.fixture
    def states_folder(self, tmp_path: Path, tried: TriedFamily) -> Path:
        newest, before = planted_plugin.two_kinds(self.family)
        assert tried.second.state is not None
        value = newest.decode(tried.second.state)
        states = [(tried.second.state, newest), (before.encode(value), before)]
        for state, codec in states:
            file = tmp_path / f"{state.kind}-v1.json"
            file.write_text(state.to_json())
            facts = {"fields": fields_of(codec.decode(state))}
            file.with_suffix(".facts").write_text(json.dumps(facts))
        return tmp_path


class TestReadsWhatWasRecorded(RecordedBefore):
    family = "two_kinds"


class TestResetsALevel(RecordedBefore):
    family = "resets_a_level"
    fails = "test_a_recorded_state_means_what_it_meant"


class OneLong(Planted):
    """Of `planted_seams`, whose families promise that two segments are one long one."""

    module = "tests.sdk.testing.families.planted_seams"
    two_segments_are_one_long = True
    fails = "test_two_segments_are_one_long_one"


class TestGlider(OneLong):
    family = "glider"
    fails = ""


class TestRestartsItsRandomNumbers(OneLong):
    family = "restarts"


class TestDropsTheMotion(OneLong):
    family = "drops_the_motion"


class TestDropsTheTone(OneLong):
    family = "drops_the_tone"


class NoPromise(OneLong):
    two_segments_are_one_long = False
    fails = "test_the_seam_is_no_larger_than_other_steps"


class TestGliderWithoutPromise(NoPromise):
    family = "glider"
    fails = ""


class TestJumps(NoPromise):
    family = "jumps"


class TestClicks(NoPromise):
    family = "clicks"


class TestStartsAgain(NoPromise):
    family = "starts_again"


def planted(classes: Mapping[str, Any]) -> list[Any]:
    """The tests in a module that are about something broken, or about what is not."""
    return [each for name, each in classes.items() if name.startswith("Test")]
