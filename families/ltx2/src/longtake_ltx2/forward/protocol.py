"""What a denoising loop asks of the transformer, whoever computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

import torch

from longtake_ltx2.forward.names import ForwardName
from longtake_ltx2.forward.passes import Restart
from longtake_ltx2.values import PromptContext

__all__ = ["Both", "Forward"]

Both: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""Of the picture and of the sound."""


class Forward(Protocol):
    """The forward passes of one denoising loop."""

    name: ClassVar[ForwardName]

    def begin_step(self, prompts: Sequence[PromptContext]) -> None:
        """The latents and their noise level are new; ``prompts``: of the passes to come.

        The same prompt is the same object, and all passes of a step are given the same latents.
        """
        ...

    def run(
        self, prompt: PromptContext, arguments: Mapping[str, Any], restart: Restart | None = None
    ) -> Both:
        """One pass: the velocities ``[1, T, C]`` of both streams.

        ``arguments``: what diffusers' transformer is called with, all but the text. ``restart``:
        where the pass goes on, if not from the beginning.
        """
        ...
