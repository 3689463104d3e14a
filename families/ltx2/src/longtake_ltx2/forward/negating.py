"""Attention to the text that turns away from a negative prompt, without a pass of its own.

Normalised attention guidance (Chen et al., arXiv:2505.21179), in the attention to the text of every
block, for the picture and for the sound, before the gates of the heads and the output projection.
The negative prompt is not modulated by the noise level, also where the prompt is (2.3 on).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from longtake_ltx2.forward.attending import finished, gathered, keys_and_values, queries
from longtake_ltx2.forward.passes import bound
from longtake_ltx2.stage_overrides import LTX2Nag
from longtake_ltx2.values import PromptContext

__all__ = ["NegativeText", "turned_away"]

_SMALLEST = 1e-7
_UNDEFINED = 10.0
"""Stands for the ratio of two norms that are 0."""


class NegativeText:
    """The negative prompt ``context`` of one denoising loop, as ``nag`` turns away from it."""

    def __init__(self, transformer: Any, context: PromptContext, nag: LTX2Nag) -> None:
        self.context = context
        self._transformer, self._nag = transformer, nag
        self._projected: dict[str, torch.Tensor] = {}

    @contextmanager
    def turning_away(self) -> Iterator[None]:
        """Every attention to the text does so meanwhile."""
        with ExitStack() as changes:
            for block in self._transformer.transformer_blocks:
                for name, attention in (("video", block.attn2), ("audio", block.audio_attn2)):
                    changes.enter_context(bound(attention, self._forward(attention, name)))
            yield

    def _forward(self, attention: Any, name: str) -> Callable[..., torch.Tensor]:
        def forward(
            hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, **_: Any
        ) -> torch.Tensor:
            query = queries(attention, hidden_states)
            negative = self._text(name, encoder_hidden_states.dtype)
            positive, other = (
                gathered(attention, query, keys_and_values(attention, text)).flatten(2, 3)
                for text in (encoder_hidden_states, negative)
            )
            out = turned_away(positive, other, self._nag)
            return finished(attention, hidden_states, out.reshape(query.shape))

        return forward

    def _text(self, name: str, dtype: torch.dtype) -> torch.Tensor:
        """As the blocks have it; up to 2.0 a projection is before them."""
        if name not in self._projected:
            text = (self.context.video if name == "video" else self.context.audio).to(dtype)
            if self._transformer.config.use_prompt_embeddings:
                projections = {
                    "video": self._transformer.caption_projection,
                    "audio": self._transformer.audio_caption_projection,
                }
                projection = projections[name]
                # Its own forward: the module may stand for what is known of the prompt.
                text = type(projection).forward(projection, text)
            self._projected[name] = text
        return self._projected[name]


def turned_away(positive: torch.Tensor, negative: torch.Tensor, nag: LTX2Nag) -> torch.Tensor:
    """``[1, T, D]``: from what the negative prompt gives, no further than ``nag`` allows."""
    guided = nag.scale * positive - (nag.scale - 1) * negative
    wide = torch.promote_types(positive.dtype, torch.float32)
    own, reached = (
        torch.linalg.vector_norm(each, 1, dim=-1, keepdim=True, dtype=wide)
        for each in (positive, guided)
    )
    too_far = torch.nan_to_num(reached / own, nan=_UNDEFINED) > nag.tau
    held = guided * (nag.tau * own / (reached + _SMALLEST))
    guided = torch.where(too_far, held.to(guided.dtype), guided)
    return nag.alpha * guided + (1 - nag.alpha) * positive
