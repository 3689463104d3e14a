"""Encrypted blobs: the contract over several stores, and what a store's keeper cannot do."""

from __future__ import annotations

import hmac
import pickle
import secrets
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.blobs.encryption import FOOTER_SIZE, HEADER_SIZE, SEGMENT_SIZE, TAG_SIZE
from longtake.blobs.file.store import FileBlobStore
from longtake.blobs.memory import MemoryBlobStore
from longtake.testing import BlobStoreContract, RawBlobs, WatchedStore
from longtake.testing.blobs.samples import noise
from tests.sdk.blobs.wrapped import Box, Seen, Within

pytest.importorskip("cryptography")

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
KEYS = lt.KeyRing({"old": OLD, "new": NEW}, current="new")
SEALED = SEGMENT_SIZE + TAG_SIZE
MIB = 2**20


def of(store: lt.BlobStore, keys: lt.KeyRing = KEYS) -> Any:
    return lt.EncryptedBlobStore(store, keys=keys)


class InMemory(MemoryBlobStore):
    """Does not notice what is done to its blobs."""

    @property
    def kept(self) -> dict[str, bytes]:
        return self._open_blobs()


class TestEncryptedInMemory(BlobStoreContract):
    """Over a store that notices nothing, so that it is the encryption that does."""

    secrets = (OLD.hex(), NEW.hex())
    num_ids = 2000

    @pytest.fixture
    def inner(self) -> InMemory:
        return InMemory()

    @pytest.fixture
    def store(self, inner: InMemory) -> Any:
        return of(inner)

    @pytest.fixture
    def raw(self, inner: InMemory) -> RawBlobs:
        return Within(inner.kept)

    @pytest.fixture
    def watched(self) -> WatchedStore:
        seen = Seen(MemoryBlobStore())
        return WatchedStore(of(seen), seen.calls)


class TestEncryptedInAFolder(BlobStoreContract):
    kills = 3
    put_memory = 4 * MIB

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Any]:
        store = of(FileBlobStore(tmp_path / "blobs"))
        yield store
        store.close()

    @pytest.fixture
    def raw(self, tmp_path: Path) -> RawBlobs:
        return Within.of_folder(tmp_path / "blobs")


class TestTenantOfEncryptedRecords(BlobStoreContract):
    """As they are put together: the tenant outside, the encryption inside."""

    largest = 5 * MIB + 1

    @pytest.fixture
    def store(self) -> Any:
        return lt.TenantBlobStore(of(lt.RecordBlobStore(Box())), tenant="acme", keys=KEYS)


SIZES = [0, 1, 16, *(n * SEGMENT_SIZE + d for n in (1, 2, 3) for d in (-1, 0, 1))]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_stored_is_what_cryptography_itself_makes(size: int) -> None:
    """The format, written once more with AESGCM alone."""
    from hashlib import sha256

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    store, data = InMemory(), noise(size)
    inner, _, salt = of(store).put(data, mime="image/png").partition("-")
    info = b"longtake encrypted blob 1 " + bytes.fromhex(salt) + b"\x01"
    cipher = AESGCM(hmac.digest(NEW, info, "sha256"))
    header = b"LTENCRYPTED\r\n\0\0\x01" + b"\x03new" + bytes(HEADER_SIZE - 20)
    footer = size.to_bytes(8, "little") + sha256(data).digest() + b"\x09image/png"
    wanted = [header]
    plain = [data[start : start + SEGMENT_SIZE] for start in range(0, size, SEGMENT_SIZE)]
    for index, piece in enumerate(plain):
        nonce = bytes(7) + index.to_bytes(4, "big") + b"\0"
        wanted.append(cipher.encrypt(nonce, piece, header))
    nonce = bytes(7) + len(plain).to_bytes(4, "big") + b"\1"
    wanted.append(cipher.encrypt(nonce, footer.ljust(FOOTER_SIZE - TAG_SIZE, b"\0"), header))
    assert store.get(inner) == b"".join(wanted)


def test_a_blob_of_an_earlier_release_is_read() -> None:
    """Bytes and key are fixed, so the format cannot change unnoticed."""
    ring = lt.KeyRing({"k": bytes(range(32))})
    salt = "000102030405060708090a0b0c0d0e0f"
    content = bytes.fromhex(RECORDED)
    store = InMemory()
    store.kept["ab" * 16] = content
    encrypted = of(store, ring)
    assert bytes(encrypted.get(f"{'ab' * 16}-{salt}")) == b"fog over the sea"


@pytest.mark.parametrize("size", [0, 1, SEGMENT_SIZE, SEGMENT_SIZE + 1, 3 * SEGMENT_SIZE])
@pytest.mark.parametrize("pieces", [1, 7, SEGMENT_SIZE - 1, SEGMENT_SIZE, SEGMENT_SIZE + 1])
def test_how_the_data_come_in_does_not_matter(size: int, pieces: int) -> None:
    store, data = of(MemoryBlobStore()), noise(size)
    step = max(1, pieces if pieces > 100 else size // 50 + pieces)
    blob_id = store.put(data[start : start + step] for start in range(0, size, step))
    assert bytes(store.get(blob_id)) == data


def damaged(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What a keeper of the store could do to three and a half segments."""
    head, foot = content[:HEADER_SIZE], content[-FOOTER_SIZE:]
    body = content[HEADER_SIZE:-FOOTER_SIZE]
    parts = [body[start : start + SEALED] for start in range(0, len(body), SEALED)]
    a, b, c, d = parts
    for name, segments in {
        "the last segment left out": [a, b, c],
        "the first segment left out": [b, c, d],
        "a segment left out": [a, c, d],
        "two exchanged": [b, a, c, d],
        "one twice": [a, a, b, c, d],
        "one in the place of another": [a, a, c, d],
        "the last one twice": [a, b, c, d, d],
        "the last one shorter": [a, b, c, d[:-1]],
        "the last one longer": [a, b, c, d + b"\0"],
        "no segments": [],
        "an empty segment more": [a, b, c, d, bytes(TAG_SIZE)],
    }.items():
        yield name, b"".join((head, *segments, foot))
    yield "without the footer", head + body
    yield "a footer twice", content + foot
    yield "without the header", content[HEADER_SIZE:]
    yield "nothing", b""
    yield "a footer alone", head + foot


def test_segments_cannot_be_left_out_repeated_exchanged_or_added() -> None:
    store = InMemory()
    encrypted = of(store)
    blob_id = encrypted.put(noise(3 * SEGMENT_SIZE + 100))
    inner = blob_id.partition("-")[0]
    content = store.kept[inner]
    for name, changed in damaged(content):
        store.kept[inner] = changed
        with pytest.raises(lt.BlobCorrupt):
            pytest.fail(f"{name}: {len(encrypted.get(blob_id))} bytes were given out")
    store.kept[inner] = content
    assert bytes(encrypted.get(blob_id)) == noise(3 * SEGMENT_SIZE + 100)


@pytest.mark.parametrize("part", [range(HEADER_SIZE), range(-FOOTER_SIZE, 0)])
def test_every_byte_of_header_and_footer_is_held(part: range) -> None:
    store = InMemory()
    encrypted = of(store)
    blob_id = encrypted.put(b"fog")
    inner = blob_id.partition("-")[0]
    content = store.kept[inner]
    for place in part:
        changed = bytearray(content)
        changed[place] ^= 1
        store.kept[inner] = bytes(changed)
        with pytest.raises(lt.BlobCorrupt):
            encrypted.get(blob_id)


def test_a_part_of_a_blob_that_was_changed_is_refused() -> None:
    store = lt.RecordBlobStore(Box())
    encrypted = of(store)
    inner, _, salt = encrypted.put(noise(3 * SEGMENT_SIZE + 100)).partition("-")
    for name, content in damaged(bytes(store.get(inner))):
        changed = f"{store.put(content)}-{salt}"
        with pytest.raises(lt.BlobCorrupt):
            pytest.fail(f"{name}: {len(encrypted.get_range(changed, 0, 400_000))} bytes")


def test_another_blob_in_the_place_of_one_is_refused() -> None:
    store = InMemory()
    encrypted = of(store)
    ids = [encrypted.put(b"fog"), encrypted.put(b"sea")]
    first, second = (blob_id.partition("-")[0] for blob_id in ids)
    store.kept[first], store.kept[second] = store.kept[second], store.kept[first]
    for blob_id in ids:
        with pytest.raises(lt.BlobCorrupt):
            encrypted.get(blob_id)


def test_nothing_of_a_blob_is_in_the_store() -> None:
    store = InMemory()
    encrypted = of(store)
    for data in (b"the same picture" * 5000, bytes(200_000)):
        ids = [encrypted.put(data, mime="image/x-secret") for _ in range(2)]
        one, other = (store.kept[blob_id.partition("-")[0]] for blob_id in ids)
        assert data[:16] not in one[HEADER_SIZE:]
        assert b"secret" not in one
        assert one[HEADER_SIZE:][:SEALED] != other[HEADER_SIZE:][:SEALED]
        segments = {one[start : start + 16] for start in range(HEADER_SIZE, len(one) - 16, SEALED)}
        assert len(segments) > 1


def test_a_range_reads_its_segments_alone() -> None:
    read: list[tuple[int, int]] = []

    class Noting(lt.RecordBlobStore):
        def get_range(self, blob_id: str, start: int, stop: int) -> bytes | memoryview:
            read.append((start, stop))
            return super().get_range(blob_id, start, stop)

        def get(self, blob_id: str) -> bytes | memoryview:
            pytest.fail("the whole blob was read")

    store, data = of(Noting(Box())), noise(40 * SEGMENT_SIZE)
    blob_id = store.put(data)
    start = 7 * SEGMENT_SIZE - 5
    assert bytes(store.get_range(blob_id, start, start + 10)) == data[start : start + 10]
    assert sum(stop - start for start, stop in read) == HEADER_SIZE + FOOTER_SIZE + 2 * SEALED


def test_what_the_store_says_of_a_blob_is_of_the_bytes_that_were_put() -> None:
    inner = lt.RecordBlobStore(Box())
    store = of(inner)
    blob_id = store.put(noise(100_000), mime="image/png")
    assert (store.stat(blob_id).size, store.stat(blob_id).mime) == (100_000, "image/png")
    assert inner.stat(blob_id.partition("-")[0]).mime == "application/octet-stream"


def test_keys_are_changed_and_retired() -> None:
    store = MemoryBlobStore()
    first = of(store, lt.KeyRing({"old": OLD})).put(b"fog")
    second = of(store).put(b"sea")
    assert bytes(of(store).get(first)) == b"fog"
    after = of(store, lt.KeyRing({"new": NEW}))
    assert bytes(after.get(second)) == b"sea"
    with pytest.raises(lt.BlobCorrupt, match="no longer in the ring"):
        after.get(first)
    with pytest.raises(lt.BlobCorrupt):
        of(store, lt.KeyRing({"old": NEW})).get(first)


def test_powers_follow_the_store(tmp_path: Path) -> None:
    in_memory, folder = of(MemoryBlobStore()), of(FileBlobStore(tmp_path))
    assert isinstance(in_memory, lt.SupportsLeases)
    assert not isinstance(in_memory, lt.SupportsRange | lt.SupportsStat)
    assert isinstance(folder, lt.SupportsRange)
    assert isinstance(folder, lt.SupportsStat)
    assert not isinstance(folder, lt.SupportsPath), "the file is encrypted"


def test_an_iterable_is_encrypted_and_a_blob_decrypted_in_bounded_memory(tmp_path: Path) -> None:
    store = of(FileBlobStore(tmp_path))
    store.put(bytes(MIB))
    tracemalloc.start()
    try:
        blob_id = store.put(bytes(MIB) for _ in range(64))
        putting = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        store.get(blob_id)
        getting = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert putting < 4 * MIB
    assert getting < 66 * MIB  # the file within is mapped


def test_a_tenant_with_leases_of_what_is_encrypted() -> None:
    inner = MemoryBlobStore()
    tenant = lt.TenantBlobStore(of(inner), tenant="acme", keys=KEYS)
    blob_id = lt.leasing(tenant, 0.001).put(b"fog")
    assert bytes(tenant.get(blob_id)) == b"fog"
    assert isinstance(tenant, lt.SupportsLeases)
    time.sleep(0.01)
    assert tenant.sweep() == 1
    assert blob_id not in tenant
    assert repr(inner) == "<MemoryBlobStore, 0 blobs>"


def test_a_store_of_one_process_stays_in_it() -> None:
    with pytest.raises(lt.BlobError, match="one process"):
        pickle.dumps(of(MemoryBlobStore()))


def test_no_key_is_shown() -> None:
    assert NEW.hex()[:8] not in repr(of(MemoryBlobStore()))


def test_without_the_package_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "import secrets, longtake as lt\n"
        "from longtake.blobs.memory import MemoryBlobStore\n"
        "ring = lt.KeyRing({'a': secrets.token_bytes(32)})\n"
        "try: lt.EncryptedBlobStore(MemoryBlobStore(), keys=ring)\n"
        "except lt.MissingDependencyError as error: print(error.package)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "cryptography\n", done.stderr


RECORDED = (
    "4c54454e435259505445440d0a000001016b000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000ee36a95322c9b117764600527d0be570367ec436d7da6d524a79fcd6c323b0f7b04b21bc597ffa"
    "d5b3b0a23917660e09cadafea62fa30f6c3d0d0006efe36544510e69cf6674aed9932ddc2c1681425f899b81b2"
    "3ae3cf9fa190c2a59af0ed742ddaf2db3e64bf2159b7c0e6872b273304be685b56fb3514540abbc855b7daca7c"
    "93044bd1cc3ad7afc38b55706d76e9230b6446fa03a9e25cabcc13b13bcb19bbe8c4874ece2dac3ae846130a09"
    "365a5f03e4ea85e25bac4dad296d8cefae4639bb1bafa59a0bdaf01645431efef575f8126bd0bddf1d8ea45481"
    "33d72525da1a8b434ce48ef6941cdb21874c07fff65261bcb008a699f14fc24dd0ca4dd9afd143426f37ea50e7"
    "6f0193d6c1352a0ed117e9b8d9198a322403e078bddf0c209b7983b9760ee4a774caca0458b27db4e7fafec515"
    "3fb33910348c00e503f99caea8369736d43f016dda86fc338781da430c0fe623c84149552fdf62d06cf797"
)
