"""The sound of the first of two passes, kept while the second one goes on with both streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

import longtake as lt
from longtake_ltx2.values import CleanLatents, FirstSound

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2FirstSoundStage", "LTX2KeepSoundStage"]


class LTX2KeepSoundStage:
    """Keeps the sound that the first pass made: the second makes it again beside the picture."""

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """No work."""
        return lt.StageEstimate()

    def __call__(self, latents: CleanLatents) -> FirstSound:
        return FirstSound(latents.audio)


class LTX2FirstSoundStage:
    """Lets the kept sound be heard beside the second pass's picture, and go on in the take."""

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """No work."""
        return lt.StageEstimate()

    def __call__(self, latents: CleanLatents, first: FirstSound) -> CleanLatents:
        return evolve(latents, audio=first.audio)
