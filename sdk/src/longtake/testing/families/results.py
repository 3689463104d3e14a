"""What a segment is: pictures and sound of the form that the SDK promises, the same each time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import longtake as lt
from longtake.testing.complaining import fail_for
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.trying import PROMPT, TriedFamily, resolved

__all__ = ["ResultContract"]


class ResultContract(FamilyFixtures):
    """A segment and its parts."""

    def test_the_wiring_of_every_preset_holds(self, tried: TriedFamily) -> None:
        wrong = []
        for preset in tried.preset_names:
            try:
                tried.pipeline_of(preset).close()
            except (lt.WiringError, lt.PluginError) as error:
                wrong.append(f"preset {preset}: {error}")
        fail_for("the stages of every preset fit together", wrong)

    def test_every_preset_generates(self, tried: TriedFamily) -> None:
        for preset in tried.preset_names:
            try:
                pipeline = tried.pipeline_of(preset)
            except (lt.WiringError, lt.PluginError):
                continue  # has a test of its own
            try:
                result = pipeline.generate(tried.request(inputs=tried.demanded(preset)))
            finally:
                pipeline.close()
            assert len(result.frames) or result.audio is not None, f"{preset} made nothing"

    def test_frames_are_bytes(self, tried: TriedFamily) -> None:
        assert isinstance(tried.whole.frames, np.ndarray)
        assert tried.whole.frames.dtype == np.uint8, "frames are uint8, 0 to 255"

    def test_frames_are_as_many_and_as_large_as_asked_for(self, tried: TriedFamily) -> None:
        asked = _sampling(tried.whole)
        wanted = (asked.num_frames, asked.height, asked.width, 3)
        assert tried.whole.frames.shape == wanted, "frames are [T, H, W, 3] of the sampling's size"

    def test_sound_is_float32_between_minus_one_and_one(self, tried: TriedFamily) -> None:
        sound = _sound(tried)
        assert sound.dtype == np.float32, "samples are float32"
        assert sound.ndim == 2, "samples are [channels, samples]"
        assert np.isfinite(sound).all() and np.abs(sound).max(initial=0) <= 1, (
            "samples are in [-1, 1]"
        )

    def test_sound_is_as_long_as_the_picture(self, tried: TriedFamily) -> None:
        sound, rate = _sound(tried), tried.whole.audio_sample_rate
        assert isinstance(rate, int) and rate > 0, "audio_sample_rate is in Hz"
        asked = _sampling(tried.whole)
        wanted = asked.num_frames / asked.fps
        if tried.counts_samples:
            assert sound.shape[1] == int(wanted * rate), "a take has `span.num_samples` of sound"
        apart = abs(sound.shape[1] / rate - float(wanted))
        assert apart <= 1 / asked.fps, f"sound and picture of a whole take end {apart:.3f} s apart"

    def test_the_same_seed_gives_the_same_bits(self, tried: TriedFamily) -> None:
        different = tried.first_again
        assert not different, f"the same request again gave other bits in {different}"

    def test_another_pipeline_gives_the_same_bits(self, tried: TriedFamily) -> None:
        tried.needs_same("first_again")
        different = tried.first_elsewhere
        assert not different, f"another pipeline of the family gave other bits in {different}"

    def test_sound_alone_and_picture_alone(self, tried: TriedFamily) -> None:
        _sound(tried)
        if not len(tried.whole.frames):
            pytest.skip("the family makes no picture")
        silent = tried.pipeline.generate(tried.request(output=lt.Output(audio=False)))
        assert silent.audio is None, "audio=False still made a sound"
        assert len(silent.frames) == len(tried.whole.frames), "audio=False took frames away"
        blind = tried.pipeline.generate(tried.request(output=lt.Output(video=False)))
        assert len(blind.frames) == 0, "video=False still made a picture"
        assert blind.audio is not None, "video=False took the sound away"

    def test_the_estimate_is_of_the_recipe(self, tried: TriedFamily) -> None:
        estimate = resolved(tried.family.estimate)
        if estimate is None:
            pytest.skip("the family gives no estimate")
        asked = lt.EstimateRequest(
            path=tried.checkpoint,
            recipe=tried.pipeline.recipe,
            job=_job(tried.whole),
            stage_options=tried.whole.options,
            segments=2,
        )
        answer = estimate(asked)
        assert isinstance(answer, lt.RunEstimate)
        assert len(answer.segments) == asked.segments, "there is an estimate for each segment"
        known = {spec.name for spec in asked.recipe}
        fail_for("estimates are of stages of the recipe", _strangers(answer, known))

    def test_the_estimate_has_a_row_for_every_stage(self, tried: TriedFamily) -> None:
        estimate = resolved(tried.family.estimate)
        if estimate is None:
            pytest.skip("the family gives no estimate")
        recipe = tried.pipeline.recipe
        middle = len(recipe) // 2
        added = lt.StageSpec("longtake_added", _added)
        asked = lt.EstimateRequest(
            path=tried.checkpoint,
            recipe=(*recipe[:middle], added, *recipe[middle:]),
            job=_job(tried.whole),
            stage_options=tried.whole.options,
        )
        wanted = [spec.name for spec in asked.recipe]
        for segment in estimate(asked).segments:
            rows = [stage.name for stage in segment.stages]
            assert rows == wanted, (
                f"a recipe of {wanted} is estimated as {rows}; ask each stage of the recipe that "
                "is given with longtake.estimate_stage, so that stages of others have their rows"
            )

    def test_a_prompt_predicts_its_length_or_cannot(self, tried: TriedFamily) -> None:
        fps = _sampling(tried.whole).fps
        try:
            frames = tried.pipeline.predict_num_frames(PROMPT, fps=fps)
        except lt.ValidationError as error:
            assert error.path == "sampling.num_frames"
        else:
            assert type(frames) is int and frames >= 1


def _added() -> None:
    """A stage that another package puts into the recipe."""


def _job(result: lt.GenerationResult) -> lt.Job:
    assert result.job is not None
    return result.job


def _sampling(result: lt.GenerationResult) -> lt.ResolvedSampling:
    return _job(result).sampling


def _sound(tried: TriedFamily) -> np.ndarray:
    if tried.whole.audio is None:
        pytest.skip("the family makes no sound")
    return tried.whole.audio


def _strangers(answer: lt.RunEstimate, known: set[str]) -> Iterator[str]:
    for segment in answer.segments:
        for stage in segment.stages:
            if stage.name not in known:
                yield f"{stage.name!r} is not one of {sorted(known)}"
