"""A tenant's part of a store: the contract over several stores, and what a tenant cannot do."""

from __future__ import annotations

import pickle
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake.blobs.file.store import FileBlobStore
from longtake.blobs.memory import MemoryBlobStore
from longtake.testing import BlobStoreContract, RawBlobs, WatchedStore
from tests.sdk.blobs.wrapped import Box, Seen, Within

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
KEYS = lt.KeyRing({"old": OLD, "new": NEW}, current="new")


def of(store: lt.BlobStore, tenant: str = "acme", keys: lt.KeyRing = KEYS) -> Any:
    return lt.TenantBlobStore(store, tenant=tenant, keys=keys)


class TestTenantOfMemory(BlobStoreContract):
    secrets = (OLD.hex(), NEW.hex())
    num_ids = 2000

    @pytest.fixture
    def store(self) -> Any:
        return of(MemoryBlobStore())

    @pytest.fixture
    def watched(self) -> WatchedStore:
        seen = Seen(MemoryBlobStore())
        return WatchedStore(of(seen), seen.calls)


class TestTenantOfAFolder(BlobStoreContract):
    kills = 3

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Any]:
        store = of(FileBlobStore(tmp_path / "blobs"))
        yield store
        store.close()

    @pytest.fixture
    def raw(self, tmp_path: Path) -> RawBlobs:
        return Within.of_folder(tmp_path / "blobs")


class TestTenantOfRecords(BlobStoreContract):
    @pytest.fixture
    def store(self) -> Any:
        return of(lt.RecordBlobStore(Box()))


def test_a_tenant_has_the_powers_that_the_store_has(tmp_path: Path) -> None:
    powers = (
        *(lt.SupportsStat, lt.SupportsRange, lt.SupportsPath),
        *(lt.SupportsLeases, lt.SupportsClose),
    )
    for store in (MemoryBlobStore(), FileBlobStore(tmp_path), lt.RecordBlobStore(Box())):
        for power in powers:
            assert isinstance(of(store), power) == isinstance(store, power), power


def test_another_tenants_blob_is_as_absent_and_the_store_is_not_asked() -> None:
    seen = Seen(MemoryBlobStore())
    mine, theirs = of(seen, "acme"), of(seen, "other")
    blob_id = mine.put(b"fog")
    seen.calls.clear()
    assert blob_id not in theirs
    for use in (theirs.get, lambda each: theirs.pin([each], "take")):
        with pytest.raises(lt.BlobNotFound, match="not among the blobs of this tenant"):
            use(blob_id)
    theirs.drop(blob_id)
    theirs.unpin([blob_id], "take")
    assert [call for call in seen.calls if call[0] != "unpin"] == []
    assert bytes(mine.get(blob_id)) == b"fog"


def test_nobody_comes_in_with_an_id_of_the_store_itself() -> None:
    store = MemoryBlobStore()
    inner = store.put(b"fog")
    for guess in (inner, f"{inner}-{'0' * 32}", f"{inner}-{secrets.token_hex(16)}"):
        with pytest.raises(lt.BlobNotFound):
            of(store).get(guess)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9), st.data())
def test_tenants_whose_names_differ_have_different_blobs(tenant: str, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from([tenant + "\0", tenant + tenant, tenant.swapcase() + "x"]))
    store = MemoryBlobStore()
    blob_id = of(store, tenant).put(b"fog")
    assert blob_id in of(store, tenant)
    assert blob_id not in of(store, other)


def test_any_one_character_changed_is_another_id() -> None:
    store = of(MemoryBlobStore())
    blob_id = store.put(b"fog")
    for place, character in enumerate(blob_id):
        for other in {"0", "f", "F", "-", "_", "z"} - {character}:
            assert blob_id[:place] + other + blob_id[place + 1 :] not in store


def test_ids_are_of_one_form_however_deep_they_are_wrapped() -> None:
    store: Any = MemoryBlobStore()
    for tenant in ("one", "two"):
        store = of(store, tenant)
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,128}", store.put(b"fog"))
    with pytest.raises(lt.BlobError, match="cannot be wrapped"):
        of(store, "three").put(b"fog")
    assert store._store._store._blobs.__len__() == 2, "what could not be named was kept"


def test_keys_are_changed_and_retired() -> None:
    store = MemoryBlobStore()
    first = of(store, keys=lt.KeyRing({"old": OLD})).put(b"fog")
    second = of(store).put(b"sea")
    assert bytes(of(store).get(first)) == b"fog"
    after = of(store, keys=lt.KeyRing({"new": NEW}))
    assert bytes(after.get(second)) == b"sea"
    assert first not in after


def test_what_is_put_through_a_lease_is_pinned_by_the_tenants_ids() -> None:
    store = of(MemoryBlobStore())
    blob_id = lt.leasing(store, 3600).put(b"fog")
    store.pin([blob_id], "take")
    store.unpin([blob_id], "take")
    assert store.sweep() == 0


@pytest.mark.parametrize("tenant", ["", "x" * 256, None, b"acme", 3, "\ud800"])
def test_a_tenant_is_a_text_of_1_to_255_characters(tenant: Any) -> None:
    with pytest.raises(lt.ValidationError, match="^tenant: "):
        of(MemoryBlobStore(), tenant)


def test_what_is_no_ring_or_no_store_is_refused() -> None:
    with pytest.raises(lt.ValidationError, match="^keys: "):
        of(MemoryBlobStore(), keys=NEW)  # type: ignore[arg-type]
    with pytest.raises(lt.ValidationError, match="^store: "):
        of({})  # type: ignore[arg-type]


def test_a_store_of_one_process_stays_in_it() -> None:
    with pytest.raises(lt.BlobError, match="one process"):
        pickle.dumps(of(MemoryBlobStore()))


def test_no_key_is_shown() -> None:
    assert NEW.hex()[:8] not in repr(of(MemoryBlobStore()))
    assert "acme" in repr(of(MemoryBlobStore()))
