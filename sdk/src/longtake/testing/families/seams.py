"""Two segments of a take fit together: nothing starts anew, jumps or clicks where they meet."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import evolve

import longtake as lt
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.trying import TriedFamily, same_bits

__all__ = ["SeamContract"]

_PICTURE, _SOUND = 1, 1e-4
"""How far two segments may be from one long one: of 255, and of full scale."""

_TIMES = 3.0
"""How many times the largest step inside the segments the step across the seam may be."""

_STILL_PICTURE, _STILL_SOUND = 2.0, 0.01
"""Steps that nobody sees or hears, also where nothing else moves: of 255, and of full scale."""


class SeamContract(FamilyFixtures):
    """``two_segments_are_one_long``: whether a take of two segments is what one long one is.

    A family that cannot promise it sets False; then steps across the seam are compared with those
    inside the segments.
    """

    two_segments_are_one_long: ClassVar[bool] = True

    def test_two_segments_are_one_long_one(self, tried: TriedFamily) -> None:
        if not self.two_segments_are_one_long:
            pytest.skip("the family does not promise it (two_segments_are_one_long)")
        frames, sound = _joined(tried)
        sampling = evolve(tried.request().sampling, num_frames=len(frames))
        whole = tried.pipeline.generate(evolve(tried.request(), sampling=sampling))
        advice = "; let the state carry it, or set two_segments_are_one_long = False"
        assert whole.frames.shape == frames.shape, "one long segment has another size"
        apart = np.abs(frames.astype(int) - whole.frames).max(axis=(1, 2, 3), initial=0)
        if apart.max(initial=0) > _PICTURE:
            first = int(np.argmax(apart > _PICTURE))
            pytest.fail(
                f"the picture of two segments is {apart.max()} of 255 from that of one long one, "
                f"from frame {first} on; the second begins with {len(tried.first.frames)}{advice}"
            )
        if sound is None or whole.audio is None:
            assert sound is whole.audio, "one long segment has sound where two have none"
            return
        assert sound.shape == whole.audio.shape, "the sound of one long segment has another length"
        away = float(np.abs(sound - whole.audio).max(initial=0))
        assert away <= _SOUND, (
            f"the sound of two segments is {away:.2g} from that of one long one{advice}"
        )

    def test_the_seam_is_no_larger_than_other_steps(self, tried: TriedFamily) -> None:
        if self.two_segments_are_one_long:
            pytest.skip("the family promises more: two segments are one long one")
        frames, sound = _joined(tried)
        first, second = tried.first.frames, tried.second.frames
        if len(second) and len(first):
            again = same_bits(first[: len(second)], second[: len(first)])
            assert not (again and _picture_steps(first).any()), (
                "the second segment's picture is the first's again; let its random numbers go on "
                "from the state"
            )
            _check_step("picture", _picture_steps(frames), len(first), _STILL_PICTURE)
        if sound is not None and tried.first.audio is not None:
            steps = np.abs(np.diff(sound, axis=1)).max(axis=0, initial=0)
            _check_step("sound", steps, tried.first.audio.shape[1], _STILL_SOUND)


def _joined(tried: TriedFamily) -> tuple[np.ndarray, np.ndarray | None]:
    """The picture and the sound of a take of two segments, with its end."""
    tried.codec  # noqa: B018  # skips a family without states
    tried.needs_same("first_again", "second_again")
    parts = [tried.first, tried.second]
    if len({part.frames.shape[1:] for part in parts}) > 1:
        pytest.skip("the picture's size is another one, which has a test of its own")
    frames = np.concatenate([part.frames for part in parts])
    if tried.family.finish:
        parts.append(tried.pipeline.finish(_known(tried.second.state)))
    else:
        last = tried.continuing(tried.first.state, lt.Output(last=True))
        parts[1] = tried.pipeline.generate(last)
    sounds: list[Any] = [part.audio for part in parts if part.audio is not None]
    return frames, np.concatenate(sounds, axis=1) if sounds else None


def _known(state: lt.ContinuationState | None) -> lt.ContinuationState:
    assert state is not None, "the family has a codec, but gave no state where one was asked for"
    return state


def _picture_steps(frames: np.ndarray) -> np.ndarray:
    """The mean change from each frame to the next, of 255."""
    steps: np.ndarray = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean(axis=(1, 2, 3))
    return steps


def _check_step(what: str, steps: np.ndarray, seam: int, still: float) -> None:
    """``seam``: the first frame or sample of the second segment."""
    if not 0 < seam <= len(steps):
        return
    across, inside = float(steps[seam - 1]), np.delete(steps, seam - 1)
    largest = float(inside.max(initial=0))
    assert across <= max(still, _TIMES * largest), (
        f"the {what} changes by {across:.3g} across the seam, more than {_TIMES:g} times the "
        f"{largest:.3g} that it changes at most inside the segments around"
    )
