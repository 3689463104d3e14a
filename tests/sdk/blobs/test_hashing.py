"""A digest is the same whether it is computed beside the writing or after it."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from longtake.blobs.hashing import OVERLAP_FROM, HashWorkers


@pytest.mark.parametrize("size", [0, 1, OVERLAP_FROM - 1, OVERLAP_FROM, 2 * OVERLAP_FROM + 1])
def test_what_is_written_is_what_is_hashed(size: int) -> None:
    data, written, digest = os.urandom(size), bytearray(), hashlib.sha256()
    workers = HashWorkers()
    workers.overlap(digest, memoryview(data), written.extend)
    workers.close()
    assert bytes(written) == data
    assert digest.digest() == hashlib.sha256(data).digest()


def test_large_pieces_are_hashed_by_another_thread() -> None:
    threads: list[int] = []

    class Digest:
        def update(self, _: object) -> None:
            threads.append(threading.get_ident())

    digest, workers = Digest(), HashWorkers()
    with workers.meanwhile(digest, bytes(OVERLAP_FROM)):  # type: ignore[arg-type]
        pass
    with workers.meanwhile(digest, bytes(1)):  # type: ignore[arg-type]
        pass
    workers.close()
    assert threads[0] != threading.get_ident() == threads[1]


def test_an_error_while_writing_waits_for_the_hash() -> None:
    workers, digest = HashWorkers(), hashlib.sha256()
    with pytest.raises(OSError, match="full"), workers.meanwhile(digest, bytes(OVERLAP_FROM)):
        raise OSError("full")
    workers.close()
    assert digest.digest() == hashlib.sha256(bytes(OVERLAP_FROM)).digest()


def test_after_closing_the_caller_hashes() -> None:
    workers = HashWorkers()
    for _ in range(2):
        digest = hashlib.sha256()
        workers.overlap(digest, memoryview(bytes(OVERLAP_FROM)), lambda view: None)
        assert digest.digest() == hashlib.sha256(bytes(OVERLAP_FROM)).digest()
        workers.close()
