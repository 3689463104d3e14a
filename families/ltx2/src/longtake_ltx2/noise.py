"""The random generators of a segment: every bit of its seed counts.

torch's generator on the CPU is a Mersenne twister (MT19937) of 624 words of 32 bits, but
``manual_seed`` fills it from the low 32 bits of the seed alone. That is kept for seeds that fit,
because public implementations mean the same noise by them. For wider ones all 624 words are
SHAKE-256 of the text ``"<seed>:<purpose>"``, read as little-endian.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import torch

__all__ = ["Purpose", "noise_generator"]

Purpose = Literal["latents", "steps", "middles", "decoding"]

_WORDS = 624
_FIRST_BYTE = 24
"""Of the words in a generator's state: a uint64 and two int32, a uint64, then a uint64 a word."""


def noise_generator(
    seed: int, purpose: Purpose = "latents", *, short: int | None = None
) -> torch.Generator:
    """A generator on the CPU for the noise of one segment, the same in every process.

    ``seed``: of the segment, 0 to 2**64 - 1. ``purpose``: what the noise is for; below 2**32 it
    does not count, but ``short`` does: what torch is seeded with (its low 32 bits) in the place of
    the seed.
    """
    if seed < 2**32:
        return torch.Generator("cpu").manual_seed((seed if short is None else short) % 2**32)
    generator = torch.Generator("cpu").manual_seed(seed)  # the rest of the state is as after this
    state = generator.get_state()
    digest = hashlib.shake_256(f"{seed}:{purpose}".encode()).digest(4 * _WORDS)
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 4 * _WORDS, 4)]
    state[_FIRST_BYTE:][: 8 * _WORDS].view(torch.int64)[:] = torch.tensor(words)
    generator.set_state(state)
    return generator
