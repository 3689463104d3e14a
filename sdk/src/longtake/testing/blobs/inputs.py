"""The contract: what put takes, what it refuses, and whose errors pass through it."""

from __future__ import annotations

import array
import mmap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import AnyStore, content_of, noise, same

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["InputsContract"]


def mapped() -> mmap.mmap:
    memory = mmap.mmap(-1, 8192)
    memory[:4] = b"abcd"
    return memory


BUFFERS: dict[str, Callable[[], Buffer]] = {
    "bytes": lambda: noise(5000),
    "bytearray": lambda: bytearray(noise(5000)),
    "memoryview": lambda: memoryview(noise(5000)),
    "a part of a memoryview": lambda: memoryview(noise(5000))[1000:2000],
    "an array of floats": lambda: array.array("d", range(500)),
    "a view of two dimensions": lambda: memoryview(noise(5000)).cast("B", (50, 100)),
    "mapped memory": mapped,
}


class InputsContract(BlobStoreFixtures):
    """Any buffer, and any iterable of buffers."""

    @pytest.mark.parametrize("kind", BUFFERS)
    def test_put_takes_any_buffer(self, store: AnyStore, kind: str) -> None:
        data = BUFFERS[kind]()
        assert same(content_of(store, store.put(data)), bytes(memoryview(data)))

    @pytest.mark.parametrize("dtype", ["u1", "f4", ">f4", "c16", [("a", "i4"), ("b", "f8")]])
    @pytest.mark.parametrize("shape", [(1,), (5,), (4, 5, 6)])
    def test_put_takes_arrays_of_any_type_and_shape(
        self, store: AnyStore, dtype: Any, shape: tuple[int, ...]
    ) -> None:
        numpy = pytest.importorskip("numpy")
        values = numpy.zeros(shape, numpy.dtype(dtype))
        values.reshape(-1).view("u1")[:] = 7
        assert same(content_of(store, store.put(values)), values.tobytes())

    def test_put_takes_memory_that_is_not_contiguous(self, store: AnyStore) -> None:
        assert same(content_of(store, store.put(memoryview(b"abcdef")[::2])), b"ace")
        numpy = pytest.importorskip("numpy")
        values = numpy.arange(12, dtype="u2").reshape(3, 4)
        for view in (values[:, ::2], values.T, values[::-1], numpy.asfortranarray(values)):
            assert same(content_of(store, store.put(view)), view.tobytes(order="C"))

    def test_put_takes_an_iterable_of_buffers(self, store: AnyStore) -> None:
        parts: list[bytes | bytearray | memoryview] = [
            b"ab",
            bytearray(b"cd"),
            b"",
            memoryview(b"ef"),
            noise(9000),
        ]
        for data in (parts, tuple(parts), iter(parts), (part for part in parts)):
            assert same(content_of(store, store.put(data)), b"".join(parts))

    def test_an_iterator_may_fill_one_buffer_again(self, store: AnyStore) -> None:
        def refilled(size: int) -> Iterator[bytearray]:
            buffer = bytearray(size)
            for value in b"xyz":
                buffer[:] = bytes([value]) * size
                yield buffer

        for size in (3, 9000):
            joined = b"x" * size + b"y" * size + b"z" * size
            assert same(content_of(store, store.put(refilled(size))), joined)

    @pytest.mark.parametrize("data", ["text", ["text"], 3, None, [1, 2], {"a": 1}, object()])
    def test_put_refuses_what_is_not_bytes(self, store: AnyStore, data: object) -> None:
        with pytest.raises(lt.ValidationError, match="data"):
            store.put(data)

    def test_put_refuses_arrays_of_objects(self, store: AnyStore) -> None:
        numpy = pytest.importorskip("numpy")
        with pytest.raises(lt.ValidationError, match="data"):
            store.put(numpy.array([object()]))

    @pytest.mark.parametrize("kind", [RuntimeError, OSError, KeyError, KeyboardInterrupt])
    def test_what_an_iterable_raises_passes_through(
        self, store: AnyStore, kind: type[BaseException]
    ) -> None:
        error = kind("the caller's own")

        def failing() -> Iterator[bytes]:
            yield noise(9000)
            raise error

        with pytest.raises(kind) as raised:
            store.put(failing())
        assert raised.value is error
