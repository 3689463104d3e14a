"""The transformer's forward as diffusers computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from attrs import frozen

from longtake_ltx2.forward.names import ForwardName
from longtake_ltx2.forward.passes import Restart, restarting
from longtake_ltx2.forward.protocol import Both
from longtake_ltx2.values import PromptContext

__all__ = ["Plain", "velocities"]


@frozen(eq=False)
class Plain:
    """Every pass on its own."""

    name: ClassVar[ForwardName] = "plain"
    transformer: Any

    def begin_step(self, prompts: Sequence[PromptContext]) -> None:
        """Nothing is kept from one pass to another."""

    def run(
        self, prompt: PromptContext, arguments: Mapping[str, Any], restart: Restart | None = None
    ) -> Both:
        """One pass; see `Forward.run`."""
        return velocities(self.transformer, prompt, arguments, restart)


def velocities(
    transformer: Any,
    prompt: PromptContext,
    arguments: Mapping[str, Any],
    restart: Restart | None,
) -> Both:
    """What the transformer gives. No mask of the text: every token of it is attended to."""
    dtype = arguments["hidden_states"].dtype  # the transformer's; it looks at all modules for it
    with ExitStack() as changes:
        if restart is not None:
            changes.enter_context(restarting(transformer, restart.block, restart.inputs))
        video, audio = transformer(
            **arguments,
            encoder_hidden_states=prompt.video.to(dtype),
            audio_encoder_hidden_states=prompt.audio.to(dtype),
            return_dict=False,
        )
    return video, audio
