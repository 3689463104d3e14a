"""Which store can do what, and what the values of the powers hide."""

from __future__ import annotations

from pathlib import Path

import pytest

import longtake as lt

POWERS = [
    lt.SupportsStat,
    lt.SupportsRange,
    lt.SupportsPath,
    lt.SupportsClose,
    lt.SupportsLeases,
]


class Plain:
    """The four methods and no power."""

    def put(self, data: object, *, mime: str = "") -> str:
        return ""

    def get(self, blob_id: str) -> bytes:
        return b""

    def drop(self, blob_id: str) -> None: ...

    def __contains__(self, blob_id: object) -> bool:
        return False


def test_a_store_needs_no_power() -> None:
    assert isinstance(Plain(), lt.BlobStore)
    assert not any(isinstance(Plain(), power) for power in POWERS)


@pytest.mark.parametrize("power", POWERS)
def test_the_file_store_has_every_power(power: type, tmp_path: Path) -> None:
    store = lt.open_blob_store(f"file://{tmp_path}", registry=lt.Registry.of("longtake.builtin"))
    assert isinstance(store, power)


@pytest.mark.parametrize("power", POWERS)
def test_a_memory_store_has_only_what_it_can_do(power: type) -> None:
    store = lt.open_blob_store("memory:", registry=lt.Registry.of("longtake.builtin"))
    assert isinstance(store, power) == (power in {lt.SupportsClose, lt.SupportsLeases})


def test_leasing_needs_a_store_that_has_leases() -> None:
    with pytest.raises(lt.BlobError, match="leases"):
        lt.leasing(Plain(), 60)


def test_a_method_that_is_none_is_no_power() -> None:
    class WithoutStat(Plain):
        stat = None

    assert not isinstance(WithoutStat(), lt.SupportsStat)


def test_values_show_neither_digest_nor_path() -> None:
    stat = lt.BlobStat(3, b"\xabdigest" * 4, "video/mp4", 5)
    place = lt.BlobPath(Path("/blobs/ab/abcdef"), 4096, 3)
    assert "digest" not in repr(stat)
    assert "abcdef" not in repr(place)
