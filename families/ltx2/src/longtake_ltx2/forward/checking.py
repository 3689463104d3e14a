"""Whether the exact forward gives what the plain one gives, on a few tokens."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import torch

from longtake_ltx2.forward.exact import Exact
from longtake_ltx2.forward.passes import bound
from longtake_ltx2.forward.plain import Plain
from longtake_ltx2.forward.protocol import Both, Forward
from longtake_ltx2.values import PromptContext

__all__ = ["TOLERANCES", "difference"]

TOLERANCES = {8: 1e-10, 4: 1e-5, 2: 5e-2}
"""How much rounding may do, relative to the largest value, by the bytes of a float."""

_BLOCKS = 2
"""Enough for what is shared between passes; the others are of the same class."""
_VIDEO, _AUDIO, _TEXT = 6, 4, 5
_KNOWN = 2
_TIMESTEP = 700.0


@torch.no_grad()
def difference(transformer: Any) -> float:
    """The largest difference of both, relative to the largest value. NaN where a result is none.

    Two passes with one prompt, the second isolated, over the first blocks and a few tokens, some
    of which are known. The transformer is as it was afterwards.
    """
    prompt, arguments = _prompt(transformer), _arguments(transformer)
    blocks = list(transformer.transformer_blocks)[:_BLOCKS]
    if any(type(block) is not type(blocks[0]) for block in transformer.transformer_blocks):
        raise TypeError("the blocks are of several classes")
    with ExitStack() as changes:
        for block in transformer.transformer_blocks[_BLOCKS:]:
            changes.enter_context(bound(block, _handed_on))
        plain = _passes(Plain(transformer), prompt, arguments)
        exact = _passes(Exact(transformer, len(blocks)), prompt, arguments)
    errors = [
        ((one - other).abs().max() / one.abs().max()).item()
        for one, other in zip(plain, exact, strict=True)
    ]
    return max(errors, key=lambda error: (error != error, error))


def _passes(
    forward: Forward, prompt: PromptContext, arguments: Mapping[str, Any]
) -> list[torch.Tensor]:
    forward.begin_step([prompt, prompt])
    found: list[torch.Tensor] = []
    for isolated in (False, True):
        found += forward.run(prompt, {**arguments, "isolate_modalities": isolated})
    return [tensor.float() for tensor in found]


def _handed_on(*, hidden_states: Any, audio_hidden_states: Any, **_: Any) -> Both:
    return hidden_states, audio_hidden_states


def _prompt(transformer: Any) -> PromptContext:
    config = transformer.config
    widths = (config.cross_attention_dim, config.audio_cross_attention_dim)
    if config.use_prompt_embeddings:
        widths = (config.caption_channels, config.caption_channels)
    video, audio = (_some(transformer, _TEXT, width) for width in widths)
    return PromptContext(video, audio)


def _arguments(transformer: Any) -> dict[str, Any]:
    config, device = transformer.config, transformer.device
    level = torch.full((1,), _TIMESTEP, device=device)
    times = torch.arange(_VIDEO + 1.0, device=device)
    bounds = torch.stack([times[:-1], times[1:]], -1)[None, None]
    return {
        "hidden_states": _some(transformer, _VIDEO, config.in_channels),
        "audio_hidden_states": _some(transformer, _AUDIO, config.audio_in_channels),
        "timestep": _some_known(level, _VIDEO),
        "audio_timestep": _some_known(level, _AUDIO),
        "sigma": level,
        "audio_sigma": level,
        "video_coords": bounds.expand(1, 3, -1, -1),
        "audio_coords": bounds[:, :, :_AUDIO],
    }


def _some(transformer: Any, tokens: int, channels: int) -> torch.Tensor:
    """``[1, T, C]`` of unlike values about as large as latents; the same in every process."""
    values = torch.arange(tokens * channels, dtype=torch.float64).square().sin()
    shape = (1, tokens, channels)
    return values.reshape(shape).to(device=transformer.device, dtype=transformer.dtype)


def _some_known(level: torch.Tensor, tokens: int) -> torch.Tensor:
    mask = torch.ones(1, tokens, device=level.device)
    mask[:, :_KNOWN] = 0
    return mask * level
