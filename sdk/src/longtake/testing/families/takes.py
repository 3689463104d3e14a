"""A take goes on from its state alone: in this process, through a store, in another process."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

import longtake as lt
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.processes import told_by
from longtake.testing.families.trying import PROMPT, TriedFamily, same_bits, same_segment
from longtake.testing.memory import memory_store

__all__ = ["TakeContract"]

_TAKE_FIELDS = ("seed", "height", "width", "fps")


class TakeContract(FamilyFixtures):
    """Segments one after the other."""

    def test_continuing_adds_the_new_frames(self, tried: TriedFamily) -> None:
        state = _state(tried)
        assert state is not None
        asked, repeated = _num_frames(tried), tried.setup.overlap_frames
        assert asked > repeated, (
            f"a segment of {asked} frames adds nothing when {repeated} are repeated; let the "
            "fixture `sampling` ask for more or `overlap_frames` for fewer"
        )
        new = len(tried.second.frames)
        assert new == asked - repeated, (
            f"a segment of {asked} frames that repeats {repeated} returned {new} frames; only the "
            "new ones are returned"
        )

    def test_segments_are_counted(self, tried: TriedFamily) -> None:
        codec = tried.codec
        states = [_state(tried), tried.second.state]
        indices = [codec.decode(state).segment_index for state in states if state is not None]
        assert indices == [0, 1], "segment_index is 0 after the first segment and counts from there"

    def test_the_take_is_known_from_its_state_alone(self, tried: TriedFamily) -> None:
        state, taken = _state(tried), _job(tried.first).sampling
        family = _with_other_defaults(tried)
        with tried.loaded(family=family, prepare=False) as pipeline:
            job = pipeline.resolve(lt.GenerationRequest(PROMPT, state=state))
        known = {name: getattr(job.sampling, name) for name in _TAKE_FIELDS}
        wanted = {name: getattr(taken, name) for name in _TAKE_FIELDS}
        assert known == wanted, "take_defaults of the state say seed, height, width and fps"

    def test_a_state_says_which_model_it_is_of(self, tried: TriedFamily) -> None:
        value, told = tried.codec.decode(_state(tried)), tried.pipeline.model_fingerprint
        if told is None:
            pytest.skip("the family says nothing that tells its models apart")
        kept = value.model_fingerprint if isinstance(value, lt.SupportsModelFingerprint) else None
        assert kept == told, (
            f"the model has the fingerprint {told!r}, which its states do not keep; let the typed "
            "state have a `model_fingerprint` that is taken from the run"
        )

    def test_the_same_state_gives_the_same_bits(self, tried: TriedFamily) -> None:
        _state(tried)
        tried.needs_same("first_again")
        different = tried.second_again
        assert not different, f"the same state again gave other bits in {different}"

    def test_states_survive_json(self, tried: TriedFamily) -> None:
        tried.needs_same("first_again", "second_again")
        state = _state(tried)
        back = lt.ContinuationState.from_json(state.to_json())
        again = tried.pipeline.generate(tried.continuing(back))
        different = same_segment(tried.second, again)
        assert not different, f"after a state went through JSON, {different} has other bits"

    def test_states_survive_a_blob_store(self, tried: TriedFamily) -> None:
        tried.needs_same("first_again", "second_again")
        codec, store = tried.codec, memory_store()
        first = tried.pipeline.generate(tried.opening(), blobs=store)
        second = tried.pipeline.generate(tried.continuing(first.state), blobs=store)
        inline = codec.encode(codec.decode(_known(second.state), store))
        different = same_segment(
            tried.second, evolve(second, live_state=lt.LiveState(codec, None, document=inline))
        )
        assert not different, f"with a blob store {different} has other bits"

    @pytest.mark.longtake_slow
    def test_resuming_in_a_new_process_gives_the_same_bits(
        self, tried: TriedFamily, tmp_path: Path
    ) -> None:
        tried.needs_same("first_again", "second_again", "first_elsewhere")
        request = tried.continuing(_state(tried))
        told = told_by("longtake.testing.families.resuming", _asked(tried, request, tmp_path))
        with np.load(tmp_path / "segment.npz") as arrays:
            frames, audio = arrays["frames"], arrays.get("audio")
        assert same_bits(tried.second.frames, frames), "in a new process the picture is another one"
        assert same_bits(tried.second.audio, audio), "in a new process the sound is another one"
        assert told == _known(tried.second.state).to_json(), "the next state is another one"

    def test_finishing_needs_the_state_alone(self, tried: TriedFamily) -> None:
        state = _state(tried)
        if not tried.family.finish:
            with pytest.raises(lt.ValidationError) as caught:
                tried.pipeline.finish(state)
            assert caught.value.path == "state"
            return
        tried.needs_same("first_again", "first_elsewhere")
        end = tried.pipeline.finish(lt.ContinuationState.from_json(state.to_json()))
        assert len(end.frames) == 0, "the end of a take has no frames"
        with tried.loaded() as pipeline:
            assert not same_segment(end, pipeline.finish(state)), "another pipeline, another end"

    def test_the_sound_of_a_take_is_as_long_as_its_picture(self, tried: TriedFamily) -> None:
        tried.codec  # noqa: B018  # skips
        if tried.first.audio is None:
            pytest.skip("the family makes no sound")
        rate, fps = tried.first.audio_sample_rate, tried.first.fps
        assert rate is not None
        frames = _num_frames(tried) * 2 - tried.setup.overlap_frames
        samples = _samples(tried.first) + _last_samples(tried)
        apart = abs(float(Fraction(samples, rate) - frames / fps))
        assert apart <= 1 / fps, f"sound and picture of a take end {apart:.3f} s apart"


def _state(tried: TriedFamily) -> lt.ContinuationState:
    tried.codec  # noqa: B018  # skips a family without states
    return _known(tried.first.state)


def _known(state: lt.ContinuationState | None) -> lt.ContinuationState:
    assert state is not None, "the family has a codec, but gave no state where one was asked for"
    return state


def _job(result: lt.GenerationResult) -> lt.Job:
    assert result.job is not None
    return result.job


def _num_frames(tried: TriedFamily) -> int:
    return _job(tried.first).sampling.num_frames


def _samples(result: lt.GenerationResult) -> int:
    return 0 if result.audio is None else int(result.audio.shape[1])


def _last_samples(tried: TriedFamily) -> int:
    """Those of the second and last segment: with the finish, or as what nobody continues."""
    if tried.family.finish:
        return _samples(tried.second) + _samples(tried.pipeline.finish(_known(tried.second.state)))
    request = tried.continuing(tried.first.state, lt.Output(last=True))
    return _samples(tried.pipeline.generate(request))


def _with_other_defaults(tried: TriedFamily) -> lt.ModelFamily:
    """The family, had it other defaults: a take must not take its size from them."""
    sampling = _job(tried.first).sampling
    other: Mapping[str, Any] = {
        "seed": (sampling.seed + 1) % 2**64,
        "height": sampling.height * 2,
        "width": sampling.width * 2,
        "fps": sampling.fps * 2,
    }
    presets = tuple(
        preset.evolve(defaults={**preset.defaults, **other}) for preset in tried.family.presets
    )
    defaults = {**tried.family.defaults, **other}
    return tried.family.evolve(presets=presets, defaults=defaults)


def _asked(tried: TriedFamily, request: lt.GenerationRequest, folder: Path) -> dict[str, Any]:
    """What the program `longtake.testing.families.resuming` reads."""
    preset = tried.pipeline.preset
    return {
        "plugin": tried.setup.plugin,
        "family": tried.family.name,
        "preset": f"{preset.name}@{preset.version}" if tried.family.presets else None,
        "checkpoint": None if tried.checkpoint is None else str(tried.checkpoint),
        "load_options": dict(tried.setup.load_options),
        "request": request.to_dict(),
        "into": str(folder / "segment.npz"),
    }
