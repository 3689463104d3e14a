"""One forward pass of the transformer on several ranks, each with its share of the video tokens.

What goes along the video tokens is cut at the inputs: hidden states, coordinates (so that RoPE is
computed for the share), timesteps of their own, keyframe marks. Picture tokens meet only where
they are keys, in their self-attention and in the sound's attention to the picture: there keys
(after their norm) and values are gathered, and RoPE is applied to all keys. The sound and the text
are on every rank. The video output is gathered at the end.

Why not the context-parallel plan of diffusers 0.42 (``LTX2VideoTransformer3DModel._cp_plan``,
``transformer_ltx2.py``): as shipped it cuts the text and leaves per-token timesteps whole; with a
corrected plan it still exchanges every attention, so text and sound are computed once per rank as
copies of themselves, needs heads that divide by the ranks, a mask for padding, and a device count
that a CPU does not have. Here the attention processors stay those of diffusers, whichever they
are; lengths that do not divide are filled up with zeros at the end, which are cut off again before
anything attends to them, so no mask is needed and the numbers are those of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import torch

from longtake_ltx2.forward.rotating import Rope

__all__ = ["sharded"]

_ALONG_VIDEO = {"hidden_states": 1, "video_coords": 2, "video_keyframes_mask": 1}
"""Arguments of the transformer with one entry per video token, and the dimension of it."""


class Ranks(Protocol):
    """The processes that share a forward, and this one among them."""

    rank: int
    world_size: int

    def gather(self, share: torch.Tensor) -> torch.Tensor:
        """``[1, T, D]`` of all ranks, one behind the other along T."""
        ...


@contextmanager
def sharded(transformer: Any, group: Ranks) -> Iterator[None]:
    """Every forward meanwhile is shared with the other ranks, who must run the same one.

    The transformer is called with keywords, video coordinates among them, and
    ``return_dict=False``.
    """
    shares = _Shares(group)
    with ExitStack() as hooks:

        def hook(handle: Any) -> None:
            hooks.callback(handle.remove)

        hook(transformer.register_forward_pre_hook(shares.cut, with_kwargs=True))
        hook(transformer.register_forward_hook(shares.join))
        for block in transformer.transformer_blocks:
            picture = _GatheredKeys(shares, lambda: shares.rope)
            sound = _GatheredKeys(shares, lambda: shares.time_rope)
            for keys, attention in [(picture, block.attn1), (sound, block.video_to_audio_attn)]:
                hook(attention.register_forward_pre_hook(keys.begin, with_kwargs=True))
                hook(attention.norm_k.register_forward_hook(keys.gather))
                hook(attention.to_v.register_forward_hook(keys.gather))
        yield


class _Shares:
    """The forward pass that is going on: how many tokens, and the RoPE of them all."""

    def __init__(self, group: Ranks) -> None:
        self._group = group
        self._tokens = 0
        self.rope: Rope
        self.time_rope: Rope

    def cut(self, transformer: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if kwargs.get("video_self_attention_mask") is not None:
            raise NotImplementedError("a mask of the video's self-attention, on several ranks")
        latents, coordinates = kwargs["hidden_states"], kwargs["video_coords"]
        self._tokens = latents.shape[1]
        self.rope = transformer.rope(coordinates, device=latents.device)
        self.time_rope = transformer.cross_attn_rope(coordinates[:, :1], device=latents.device)
        along = dict(_ALONG_VIDEO)
        if kwargs["timestep"].ndim == 2:  # [1, T]: each token at its own level
            along["timestep"] = 1
        for name, dim in along.items():
            if kwargs.get(name) is not None:
                kwargs[name] = self._share(kwargs[name], dim)
        return args, kwargs

    def join(self, transformer: Any, args: Any, output: Any) -> Any:
        video, audio = output
        return self.gathered(video), audio

    def gathered(self, share: torch.Tensor) -> torch.Tensor:
        """``[1, T, D]`` of all video tokens."""
        return self._group.gather(share)[:, : self._tokens]

    def _share(self, whole: torch.Tensor, dim: int) -> torch.Tensor:
        """This rank's part, all of one length; zeros where the tokens end before."""
        length = -(-self._tokens // self._group.world_size)
        start = min(self._tokens, self._group.rank * length)
        part = whole.narrow(dim, start, min(length, self._tokens - start))
        missing = list(whole.shape)
        missing[dim] = length - part.shape[dim]
        return torch.cat([part, whole.new_zeros(missing)], dim) if missing[dim] else part


class _GatheredKeys:
    """Keys and values of one attention, whose keys are video tokens, on all ranks."""

    def __init__(self, shares: _Shares, rope: Callable[[], Rope]) -> None:
        self._shares = shares
        self._rope = rope
        self._attends = True

    def begin(self, attention: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        # A perturbed self-attention passes on its own values: nobody attends to anybody.
        self._attends = not kwargs.get("all_perturbed")
        return args, {**kwargs, "key_rotary_emb": self._rope()}

    def gather(self, projection: Any, args: Any, share: torch.Tensor) -> Any:
        return self._shares.gathered(share) if self._attends else share
