"""Seeds of a take's segments, the same on every worker."""

from __future__ import annotations

import hashlib

__all__ = ["segment_seed", "take_seed"]


def segment_seed(seed: int, segment_index: int) -> int:
    """The seed of one segment: ``seed`` itself for the first, then 64 bits of a digest.

    Segment n > 0 uses the first 8 bytes, big-endian, of SHA-256 of ``"<seed>:<n>"``. A family makes
    its noise depend on all 64 bits, which `torch.Generator.manual_seed` on the CPU does not.
    """
    if segment_index == 0:
        return seed
    digest = hashlib.sha256(f"{seed}:{segment_index}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def take_seed(seed: int, number: int) -> int:
    """The seed of one of several takes of one request: ``seed`` itself for number 0.

    Number n > 0 has the first 8 bytes, big-endian, of SHA-256 of ``"<seed>:take:<n>"``, so that no
    take has the noise of a segment of another.
    """
    if number == 0:
        return seed
    digest = hashlib.sha256(f"{seed}:take:{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
