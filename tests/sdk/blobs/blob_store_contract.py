"""What every built-in blob store must do. A test file subclasses it and fills in `store`."""

from __future__ import annotations

import mmap
import pickle
import random
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from longtake.blobs.payload import BlobData
from longtake.blobs.protocol import BlobStore
from longtake.errors import BlobError, BlobNotFound, InvalidBlobId, LongtakeError, ValidationError

SIZES = [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 2**20, 5 * 2**20 + 1]

MALFORMED_IDS = {
    "empty": "",
    "parent": "../" + "a" * 29,
    "parent only": "..",
    "absolute": "/etc/passwd",
    "slash": "aa/" + "a" * 29,
    "percent": "%2e%2e" + "a" * 26,
    "nul": "a" * 31 + "\0",
    "crlf": "a" * 30 + "\r\n",
    "newline after": "a" * 32 + "\n",
    "home": "~" + "a" * 31,
    "drive": "c:" + "a" * 30,
    "long": "a" * 5000,
    "unicode digits": "\u0661" * 32,
    "upper case": "A" * 32,
    "surrogate": "\udcff" * 32,
    "short": "a" * 31,
}

ABSENT = "0123456789abcdef" * 2


class ClosableStore(BlobStore, Protocol):
    """A built-in store: it takes more than the protocol asks for, and can be closed."""

    def put(self, data: BlobData, *, mime: str = ...) -> str: ...

    def close(self) -> None: ...


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


class BlobStoreContract:
    """Subclass with a fixture ``store`` that gives a new, empty store."""

    @pytest.mark.parametrize("size", SIZES)
    def test_get_gives_what_put_took(self, store: ClosableStore, size: int) -> None:
        data = noise(size)
        blob_id = store.put(data)
        assert bytes(store.get(blob_id)) == data
        assert bytes(store.get(blob_id)) == data

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    @pytest.mark.parametrize("size", [0, 5, 300_000])
    def test_put_takes_any_buffer(self, store: ClosableStore, kind: type, size: int) -> None:
        assert bytes(store.get(store.put(kind(noise(size))))) == noise(size)

    def test_put_takes_a_mapped_file(self, store: ClosableStore) -> None:
        with mmap.mmap(-1, 8192) as mapped:
            mapped[:4] = b"abcd"
            blob_id = store.put(mapped)
        assert bytes(store.get(blob_id)) == b"abcd" + bytes(8188)

    @pytest.mark.parametrize("dtype", ["u1", "f4", ">f4", "c16", [("a", "i4"), ("b", "f8")]])
    @pytest.mark.parametrize("shape", [(), (0, 3), (5,), (40, 50, 60)])
    def test_put_takes_arrays_of_any_type_and_shape(
        self, store: ClosableStore, dtype: object, shape: tuple[int, ...]
    ) -> None:
        numpy = pytest.importorskip("numpy")
        array = numpy.zeros(shape, numpy.dtype(dtype))
        array.reshape(-1).view("u1")[:] = 7
        assert bytes(store.get(store.put(array))) == array.tobytes()

    def test_put_takes_arrays_that_are_not_contiguous_in_c_order(
        self, store: ClosableStore
    ) -> None:
        numpy = pytest.importorskip("numpy")
        array = numpy.arange(12, dtype="u2").reshape(3, 4)
        for view in (array[:, ::2], array.T, array[::-1], numpy.asfortranarray(array)):
            assert bytes(store.get(store.put(view))) == view.tobytes(order="C")
        assert bytes(store.get(store.put(memoryview(b"abcdef")[::2]))) == b"ace"

    def test_put_takes_an_iterable_of_buffers(self, store: ClosableStore) -> None:
        parts: list[bytes | bytearray | memoryview] = [
            b"ab",
            bytearray(b""),
            memoryview(b"cd"),
            noise(400_000),
        ]
        assert bytes(store.get(store.put(parts))) == b"".join(parts)
        assert bytes(store.get(store.put(iter(parts)))) == b"".join(parts)
        assert bytes(store.get(store.put([]))) == b""

    @pytest.mark.parametrize("size", [3, 300_000])
    def test_an_iterator_may_fill_one_buffer_again(self, store: ClosableStore, size: int) -> None:
        def refilled() -> Iterator[bytearray]:
            buffer = bytearray(size)
            for value in b"xyz":
                buffer[:] = bytes([value]) * size
                yield buffer

        assert bytes(store.get(store.put(refilled()))) == b"x" * size + b"y" * size + b"z" * size

    @pytest.mark.parametrize("data", ["text", ["text"], 3, None, [1, 2], {"a": 1}, object()])
    def test_put_refuses_what_is_not_bytes(self, store: ClosableStore, data: object) -> None:
        with pytest.raises(ValidationError, match="data"):
            store.put(data)  # type: ignore[arg-type]

    def test_put_refuses_arrays_of_objects_and_dates(self, store: ClosableStore) -> None:
        numpy = pytest.importorskip("numpy")
        for array in (numpy.array([object()]), numpy.array(["2020"], "M8[s]")):
            with pytest.raises(ValidationError, match="data"):
                store.put(array)

    @pytest.mark.parametrize("mime", ["", "video", "a/b\r\nc", "a/\u00e9", "a/" + "b" * 254, None])
    def test_put_refuses_what_is_no_mime_type(self, store: ClosableStore, mime: object) -> None:
        with pytest.raises(ValidationError, match="mime"):
            store.put(b"x", mime=mime)  # type: ignore[arg-type]

    @pytest.mark.parametrize("mime", ["video/mp4", "text/plain; charset=utf-8", "a/" + "b" * 253])
    def test_put_takes_mime_types(self, store: ClosableStore, mime: str) -> None:
        assert bytes(store.get(store.put(b"x", mime=mime))) == b"x"

    @pytest.mark.parametrize("size", [4, 300_000])
    def test_the_input_may_change_after_put(self, store: ClosableStore, size: int) -> None:
        data = bytearray(noise(size))
        ids = [store.put(data), store.put(memoryview(data)), store.put([data])]
        before = bytes(data)
        data[:] = bytes(size)
        data.extend(b"more")  # raises if the store still holds a view
        assert all(bytes(store.get(blob_id)) == before for blob_id in ids)

    def test_what_get_gives_cannot_be_written(self, store: ClosableStore) -> None:
        for data in (b"abc", bytearray(b"abc"), noise(300_000)):
            assert memoryview(store.get(store.put(data))).readonly

    def test_an_absent_blob_is_not_found_and_a_key_error(self, store: ClosableStore) -> None:
        with pytest.raises(BlobNotFound) as raised:
            store.get(ABSENT)
        assert isinstance(raised.value, KeyError)
        assert not isinstance(raised.value, InvalidBlobId)
        assert ABSENT not in str(raised.value)

    def test_contains_follows_put_and_drop(self, store: ClosableStore) -> None:
        blob_id = store.put(b"x")
        other = store.put(b"y")
        assert blob_id in store
        store.drop(blob_id)
        assert blob_id not in store
        assert other in store
        with pytest.raises(BlobNotFound):
            store.get(blob_id)

    def test_dropping_what_is_absent_does_nothing(self, store: ClosableStore) -> None:
        store.drop(ABSENT)
        blob_id = store.put(b"x")
        store.drop(blob_id)
        store.drop(blob_id)

    @pytest.mark.parametrize("thing", [None, 3, b"a" * 32, ["a"], {}, object(), 1.5])
    def test_anything_may_be_asked_about(self, store: ClosableStore, thing: object) -> None:
        assert thing not in store
        with pytest.raises(InvalidBlobId):
            store.get(thing)  # type: ignore[arg-type]

    @pytest.mark.parametrize("blob_id", MALFORMED_IDS.values(), ids=MALFORMED_IDS.keys())
    def test_malformed_ids_are_refused(self, store: ClosableStore, blob_id: str) -> None:
        assert blob_id not in store
        for use in (store.get, store.drop):
            with pytest.raises(InvalidBlobId) as raised:
                use(blob_id)
            assert len(str(raised.value)) < 200

    def test_ids_are_32_hexadecimal_characters_and_never_repeat(self, store: ClosableStore) -> None:
        ids = [store.put(b"same") for _ in range(100)]
        assert len(set(ids)) == 100
        assert all(re.fullmatch("[0-9a-f]{32}", blob_id) for blob_id in ids)

    def test_an_iterator_that_fails_leaves_nothing(self, store: ClosableStore) -> None:
        def failing() -> Iterator[bytes]:
            yield noise(300_000)
            raise OSError("the caller's own")

        with pytest.raises(OSError, match="the caller's own") as raised:
            store.put(failing())
        assert not isinstance(raised.value, LongtakeError)
        assert bytes(store.get(store.put(b"next"))) == b"next"

    def test_what_was_got_outlives_drop(self, store: ClosableStore) -> None:
        data = noise(300_000)
        blob_id = store.put(data)
        got = store.get(blob_id)
        store.drop(blob_id)
        assert bytes(got) == data

    def test_repr_hides_ids(self, store: ClosableStore) -> None:
        blob_id = store.put(b"x")
        store.get(blob_id)
        assert blob_id[:8] not in repr(store)
        assert type(store).__name__ in repr(store)

    def test_it_is_a_blob_store(self, store: ClosableStore) -> None:
        assert isinstance(store, BlobStore)

    def test_use_after_close_raises(self, store: ClosableStore) -> None:
        blob_id = store.put(noise(300_000))
        got = store.get(blob_id)
        store.close()
        store.close()
        uses = (
            lambda: store.put(b"x"),
            lambda: store.get(blob_id),
            lambda: store.drop(blob_id),
            lambda: blob_id in store,
        )
        for use in uses:
            with pytest.raises(BlobError, match="closed"):
                use()
        assert bytes(got) == noise(300_000)
        assert "closed" in repr(store)

    def test_errors_survive_pickling(self, store: ClosableStore) -> None:
        with pytest.raises(BlobNotFound) as raised:
            store.get(ABSENT)
        assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)

    def test_threads_agree_with_a_model(self, store: ClosableStore) -> None:
        with ThreadPoolExecutor(8) as threads:
            jobs = [threads.submit(_random_uses, store, random.Random(n), 60) for n in range(8)]
        for job in jobs:
            job.result()

    def test_get_against_drop_is_the_value_or_not_found(self, store: ClosableStore) -> None:
        ids = [store.put(noise(9000, seed)) for seed in range(50)]

        def drop_all() -> None:
            for blob_id in ids:
                store.drop(blob_id)

        dropper = threading.Thread(target=drop_all)
        dropper.start()
        for seed, blob_id in enumerate(reversed(ids)):
            with suppress(BlobNotFound):
                assert bytes(store.get(blob_id)) == noise(9000, 49 - seed)
        dropper.join()
        assert not any(blob_id in store for blob_id in ids)

    @settings(
        max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(parts=st.lists(st.binary(max_size=9000), max_size=5))
    def test_pieces_are_joined_in_order(self, store: ClosableStore, parts: list[bytes]) -> None:
        assert bytes(store.get(store.put(iter(parts)))) == b"".join(parts)

    def test_it_agrees_with_a_dictionary(self, store: ClosableStore) -> None:
        run_machine(
            lambda: _Machine(store),  # type: ignore[arg-type]  # it takes any factory
            settings=settings(max_examples=15, stateful_step_count=15, deadline=None),
        )


def _random_uses(store: ClosableStore, chance: random.Random, count: int) -> None:
    """Put, get and drop at random, checked against a dictionary of this thread's own blobs."""
    model: dict[str, bytes] = {}
    for _ in range(count):
        use = chance.choice(["put", "get", "get", "drop"])
        if use == "put" or not model:
            data = chance.randbytes(chance.choice([0, 10, 5000, 300_000]))
            model[store.put(data)] = data
            continue
        blob_id = chance.choice(list(model))
        assert bytes(store.get(blob_id)) == model[blob_id]
        if use == "drop":
            store.drop(blob_id)
            del model[blob_id]
            assert blob_id not in store
    for blob_id, data in model.items():
        assert bytes(store.get(blob_id)) == data


class _Machine(RuleBasedStateMachine):
    """A store beside a dictionary; blobs of earlier examples may be in the store, unseen."""

    ids = Bundle("ids")
    dropped = Bundle("dropped")

    def __init__(self, store: ClosableStore) -> None:
        super().__init__()
        self.store = store
        self.model: dict[str, bytes] = {}

    @rule(target=ids, data=st.binary(max_size=300))
    def put(self, data: bytes) -> str:
        blob_id = self.store.put(data)
        assert blob_id not in self.model
        self.model[blob_id] = data
        return blob_id

    @rule(blob_id=ids)
    def get(self, blob_id: str) -> None:
        assert bytes(self.store.get(blob_id)) == self.model[blob_id]
        assert blob_id in self.store

    @rule(target=dropped, blob_id=consumes(ids))
    def drop(self, blob_id: str) -> str:
        self.store.drop(blob_id)
        return blob_id

    @rule(blob_id=dropped)
    def use_dropped(self, blob_id: str) -> None:
        self.store.drop(blob_id)
        assert blob_id not in self.store
        with pytest.raises(BlobNotFound):
            self.store.get(blob_id)
