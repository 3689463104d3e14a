"""Seeds of segments: the take's own for the first, 64 bits of a digest for the others."""

from __future__ import annotations

import hashlib

import pytest

import longtake as lt
from tests.sdk.toy_family import FOG


def expected_seed(seed: int, segment: int) -> int:
    if segment == 0:
        return seed
    digest = hashlib.sha256(str(seed).encode("ascii") + b":" + str(segment).encode("ascii"))
    return int(digest.hexdigest()[:16], 16)


@pytest.mark.parametrize("seed", [0, 1, 42, 2**63, 2**64 - 1])
def test_every_segment_of_a_take_has_the_documented_seed(seed: int) -> None:
    session = lt.Session(lt.Pipeline(FOG), sampling=lt.Sampling(seed=seed), overlap_frames=1)
    for segment in range(3):
        job = session.extend("fog").job
        assert job is not None
        assert (job.segment_index, job.sampling.seed) == (segment, seed)
        assert job.segment_seed == expected_seed(seed, segment)


def test_a_known_vector() -> None:
    """printf '42:1' | sha256sum."""
    session = lt.Session(lt.Pipeline(FOG), sampling=lt.Sampling(seed=42), overlap_frames=1)
    session.extend("fog")
    job = session.extend("fog").job
    assert job is not None
    assert job.segment_seed == VECTOR_42_1


VECTOR_42_1 = 0x03DDF851127D6CFE
