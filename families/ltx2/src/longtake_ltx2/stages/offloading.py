"""Clearing the device at the end of a run."""

from __future__ import annotations

from longtake_ltx2.placement import Placement

__all__ = ["LTX2OffloadStage"]


class LTX2OffloadStage:
    """Sends networks that are offloaded home once nothing computes any more.

    As a context manager it does so when it is left, also after a failure: a recipe that names it
    first and last, by one name, keeps it open in between.
    """

    def __init__(self, placement: Placement) -> None:
        self._placement = placement

    def __call__(self) -> None:
        """Nothing; leaving the stage is what counts."""

    def __enter__(self) -> LTX2OffloadStage:
        return self

    def __exit__(self, *exception: object) -> None:
        self._placement.release()
