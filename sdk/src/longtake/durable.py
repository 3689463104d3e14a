"""Replacing a file as a whole, so that a kill or a power cut leaves the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator

__all__ = ["flush_folder", "replace_file", "replacement"]


def replace_file(target: str, data: bytes, *, mode: int = 0o666, prefix: str = "") -> None:
    """Let ``target`` hold ``data``, on stable storage when this returns.

    ``mode``: of the file, less the process's umask. Raises `OSError`, and has then kept what was
    there; only one that comes from the folder's own flush may leave either.
    """
    with replacement(target, prefix=prefix) as temporary:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        with open(descriptor, "wb") as file:
            file.write(data)


@contextlib.contextmanager
def replacement(target: str, *, prefix: str = "") -> Iterator[str]:
    """The name of a file to write beside ``target``, whose name it takes when the block is left.

    The name is hidden, and begins with ``prefix`` where someone sweeps up after kills by that. The
    file is gone when the block, the flush to the disk, or the renaming fails. Raises `OSError`.
    """
    folder, name = os.path.split(target)
    own = f"{prefix}{secrets.token_hex(16)}" if prefix else f".{name}.{secrets.token_hex(4)}.part"
    temporary = os.path.join(folder, own)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    flush_folder(folder)


def flush_folder(folder: str) -> None:
    """Bring the names of the files in ``folder`` to stable storage, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
