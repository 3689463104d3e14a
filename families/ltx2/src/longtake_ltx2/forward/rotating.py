"""RoPE's cosines and sines: made once in a loop, and how they turn queries and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import torch
from attrs import frozen

__all__ = ["Rope", "Rotation", "Rotations"]

Rope: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines, ``[1, heads, T, D / 2]`` each where they rotate halves (``split``)."""


@frozen(eq=False)
class Rotation:
    """``rope``: as diffusers has it."""

    rope: Rope

    @property
    def is_of_halves(self) -> bool:
        """Whether `of_heads` can apply it."""
        return self.rope[0].ndim == 4

    def of_heads(self, x: torch.Tensor) -> torch.Tensor:
        """``[1, T, heads D]`` as ``[1, T, heads, D]``, in a new tensor.

        The halves of each head turn against each other (diffusers ``apply_split_rotary_emb``).
        """
        cos, sin = self._of_both_halves
        heads = x.reshape(cos.shape)
        swapped = heads.roll(cos.shape[-1] // 2, -1)
        return (heads * cos).addcmul_(swapped, sin)

    @cached_property
    def _of_both_halves(self) -> Rope:
        """``[1, T, heads, D]`` each; the first half of the sines is of what is taken away."""
        cos, sin = (table.swapaxes(1, 2) for table in self.rope)
        return torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)


class Rotations:
    """Those of one loop, whose passes are all of the same places."""

    def __init__(self) -> None:
        self._places: tuple[Any, Any] = (None, None)
        self._made: dict[tuple[Any, torch.Size], Rotation] = {}

    def begin_pass(self, arguments: Mapping[str, Any]) -> None:
        """A pass with these arguments: what was made of other coordinates is forgotten."""
        places = arguments["video_coords"], arguments["audio_coords"]
        if any(one is not other for one, other in zip(places, self._places, strict=True)):
            self._places = places
            self._made.clear()

    def once(self, module: Any) -> Callable[..., Rope]:
        """The forward of a module that makes them of coordinates, computed for each once."""
        compute = module.forward

        def make(coordinates: torch.Tensor, *args: Any, **kwargs: Any) -> Rope:
            key = (module, coordinates.shape)
            if key not in self._made:
                self._made[key] = Rotation(compute(coordinates, *args, **kwargs))
            return self._made[key].rope

        return make

    def of(self, rope: Rope) -> Rotation:
        """With what was made of ``rope`` before, if it is of this loop."""
        known = (made for made in self._made.values() if made.rope[0] is rope[0])
        return next(known, None) or Rotation(rope)
