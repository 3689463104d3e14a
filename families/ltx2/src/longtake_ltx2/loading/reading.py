"""Reading a network's files ahead of the library that loads them, so that progress can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define

import longtake as lt

__all__ = ["Loading", "telling"]

_CHUNK_BYTES = 16 << 20


@contextmanager
def telling(
    source: lt.ModelSource, component: str, files: Callable[[], Iterable[Path]]
) -> Iterator[Loading]:
    """Tell whoever watches ``source`` that ``component`` is loaded from here to the block's end.

    ``files``: what it is read from; not asked for when nobody watches.
    """
    loading = Loading(source, component, files)
    loading.tell()
    yield loading
    loading.tell(ready=True)


@define
class Loading:
    """One component on its way into memory."""

    _source: lt.ModelSource
    _component: str
    _files: Callable[[], Iterable[Path]]
    _read: int = 0
    _total: int | None = None

    def tell(self, *, ready: bool = False) -> None:
        self._source.progress(lt.LoadProgress(self._component, self._read, self._total, ready))

    def read_ahead(self) -> None:
        """Have the system read the files, one after the other, if somebody watches.

        The libraries map weights into memory and say nothing while their pages come from the disk.
        They find them in memory if the files were read before, from one end to the other, which is
        also how disks are fastest.
        """
        files = list(self._files()) if self._source.is_watched else []
        if files:
            self._total = sum(file.stat().st_size for file in files)
        chunk = bytearray(min(_CHUNK_BYTES, self._total or 0))
        for file in files:
            with file.open("rb", buffering=0) as content:
                while count := content.readinto(chunk):
                    self._read += count
                    self.tell()
