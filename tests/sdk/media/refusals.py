"""What is said of a file that is refused, which is the same checked and decoded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import longtake as lt

__all__ = ["clip_refusal", "sound_refusal"]


def clip_refusal(data: bytes) -> str:
    """Why ``data`` is no clip."""
    clip = lt.ClipInput(data)
    return _problem(clip.check, clip.frames)


def sound_refusal(data: bytes) -> str:
    """Why ``data`` is no sound."""
    sound = lt.AudioInput(data)
    return _problem(sound.check, lambda: sound.samples(24_000))


def _problem(*ways: Callable[[], object]) -> str:
    problems = set()
    for decode in ways:
        with pytest.raises(lt.ValidationError) as refused:
            decode()
        assert refused.value.path == "data"
        problems.add(refused.value.problem)
    [problem] = problems
    return problem
