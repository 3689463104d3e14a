"""The LoRA that is on for single passes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import longtake as lt
from longtake_ltx2.lora.adapters import Adapters
from longtake_ltx2.lora.refine import load_refine_lora

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2RefineLoRAStage"]


class LTX2RefineLoRAStage:
    """A LoRA is on from this stage to the last one of the same name, and off elsewhere.

    ``lora_path``: its file, loaded with the stage; without one the pass runs without a LoRA.
    ``strength``: how strongly it counts in this pass.
    LoRAs of the user stay on. What the file has for the text connectors is left out: the prompt is
    encoded once, before this pass. Raises `longtake.CheckpointError` as ``Adapters.load``.
    """

    def __init__(
        self, transformer: Any, lora_path: str | Path | None = None, *, strength: float = 1.0
    ) -> None:
        self._adapters = Adapters(transformer)
        self._name = load_refine_lora(transformer, lora_path) if lora_path else None
        self._strength = strength
        self._switched: AbstractContextManager[None] = nullcontext()

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """Its weights are small beside the transformer's and are left out."""
        return lt.StageEstimate(note="a LoRA is not counted")

    def __enter__(self) -> LTX2RefineLoRAStage:
        if self._name is not None:
            self._switched = self._adapters.also_active(self._name, self._strength)
        self._switched.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._switched.__exit__(kind, error, traceback)

    def __call__(self) -> None:
        """Nothing to do: being entered is what counts."""
