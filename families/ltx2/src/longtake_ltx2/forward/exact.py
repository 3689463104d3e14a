"""The transformer's forward with the same results and less work.

What several passes have in common is computed once: keys and values of the text, its projection,
and what lies before the passes part. AdaLN is computed for the distinct noise levels instead of for
every token. Nothing but the given transformer is changed, and that for the time of a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

import torch

from longtake_ltx2.forward.block import ExactBlock
from longtake_ltx2.forward.kept import Kept
from longtake_ltx2.forward.levels import MOST_KEPT, Levels
from longtake_ltx2.forward.names import ForwardName
from longtake_ltx2.forward.passes import Restart, bound
from longtake_ltx2.forward.plain import velocities
from longtake_ltx2.forward.protocol import Both
from longtake_ltx2.forward.rotating import Rotations
from longtake_ltx2.values import PromptContext

__all__ = ["Exact"]


class Exact:
    """Of ``transformer``, over one denoising loop.

    ``blocks``: how many from the first on are computed so, the others as they are; all if None.
    """

    name: ClassVar[ForwardName] = "exact"

    def __init__(self, transformer: Any, blocks: int | None = None) -> None:
        self._transformer, self._blocks = transformer, blocks
        self._kept, self._rotations = Kept(), Rotations()
        self._levels: dict[str, Levels] = {}

    def begin_step(self, prompts: Sequence[PromptContext]) -> None:
        """Text that depends on the noise level is forgotten; see `Forward.begin_step`."""
        self._kept.begin_step(prompts)

    def run(
        self, prompt: PromptContext, arguments: Mapping[str, Any], restart: Restart | None = None
    ) -> Both:
        """One pass; see `Forward.run`."""
        transformer = self._transformer
        self._kept.begin_pass(prompt)
        self._rotations.begin_pass(arguments)
        with ExitStack() as changes:
            self._watch_levels(changes)
            for module in _of_places(transformer):
                changes.enter_context(bound(module, self._rotations.once(module)))
            own = transformer.transformer_blocks[: self._blocks]
            first = 0 if restart is None else restart.block
            for number, block in enumerate(own[first:], first):
                exact = ExactBlock(block, number, self._kept, prompt, self._levels, self._rotations)
                changes.enter_context(bound(block, exact))
            if transformer.config.use_prompt_embeddings:
                projections = (transformer.caption_projection, transformer.audio_caption_projection)
                for projection in projections:
                    changes.enter_context(bound(projection, self._projected(projection, prompt)))
            return velocities(transformer, prompt, arguments, restart)

    def _projected(self, projection: Any, prompt: PromptContext) -> Any:
        compute = projection.forward

        def once(text: torch.Tensor) -> Any:
            return self._kept.over_loop((projection, prompt), lambda: compute(text))

        return once

    def _watch_levels(self, changes: ExitStack) -> None:
        """The embeddings of noise levels are computed for those that there are.

        The output layers scale every token on its own, as diffusers has them.
        """
        transformer = self._transformer
        for stream, embed, others in (
            (
                "video",
                transformer.time_embed,
                (
                    transformer.av_cross_attn_video_scale_shift,
                    transformer.av_cross_attn_video_a2v_gate,
                ),
            ),
            (
                "audio",
                transformer.audio_time_embed,
                (
                    transformer.av_cross_attn_audio_scale_shift,
                    transformer.av_cross_attn_audio_v2a_gate,
                ),
            ),
        ):
            levels = _Distinct(stream, self._levels)
            for module in (embed, *others):
                handle = module.register_forward_pre_hook(levels.keep_distinct)
                changes.callback(handle.remove)
                changes.enter_context(bound(module, self._embedded(module)))
            changes.callback(embed.register_forward_hook(levels.spread).remove)
        if transformer.prompt_modulation and transformer.config.use_prompt_adaln_single:
            for module in (transformer.prompt_adaln, transformer.audio_prompt_adaln):
                changes.enter_context(bound(module, self._embedded(module)))

    def _embedded(self, module: Any) -> Any:
        """The embedding of a step's few levels, which all of its passes are at."""
        compute = module.forward

        def once(levels: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            def make() -> Any:
                return compute(levels, *args, **kwargs)

            few = levels.numel() <= MOST_KEPT
            return self._kept.over_step(module, None, make) if few else make()

        return once


def _of_places(transformer: Any) -> tuple[Any, ...]:
    """What makes RoPE of coordinates."""
    return (
        transformer.rope,
        transformer.audio_rope,
        transformer.cross_attn_rope,
        transformer.cross_attn_audio_rope,
    )


class _Distinct:
    """Hooks on what embeds the timesteps of one stream."""

    def __init__(self, stream: str, levels: dict[str, Levels]) -> None:
        self._stream, self._levels = stream, levels

    def keep_distinct(self, module: Any, args: tuple[Any, ...]) -> Any:
        timesteps = args[0]
        if timesteps.numel() == 1:
            return args
        if self._stream not in self._levels:
            self._levels[self._stream] = Levels.of(timesteps)
        return (timesteps[self._levels[self._stream].tokens], *args[1:])

    def spread(self, module: Any, args: Any, output: tuple[torch.Tensor, torch.Tensor]) -> Any:
        rows, embedded = output
        levels = self._levels.get(self._stream)
        return output if levels is None else (rows, embedded[levels.rows])
