"""Replacing a file as a whole, so that a kill or a power cut leaves the old one or the new one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator

from longtake.files import kind_of
from longtake.settings import Settings

__all__ = ["flush_folder", "part_prefix", "replace_file", "replacement", "scratch_beside"]

_LONGEST_PREFIX = 200
"""Bytes of a name that the name of its part begins with; so it fits wherever the name does."""


def replace_file(
    target: str, data: bytes, *, mode: int | None = None, prefix: str = "", flush: bool = True
) -> None:
    """Let ``target`` hold ``data``, on stable storage when this returns.

    ``mode``, ``prefix``, ``flush``: as in `replacement`. Raises `OSError`, and has then kept what
    was there; only one that comes from the folder's own flush may leave either.
    """
    with (
        replacement(target, mode=mode, prefix=prefix, flush=flush) as temporary,
        open(temporary, "wb") as file,
    ):
        file.write(data)


@contextlib.contextmanager
def replacement(
    target: str,
    *,
    mode: int | None = None,
    prefix: str = "",
    where: Callable[[], str] | None = None,
    flush: bool = True,
) -> Iterator[str]:
    """The name of an empty file beside ``target``, whose name it takes when the block is left.

    The name is hidden, and begins with ``prefix`` where someone sweeps up after kills by that, or
    else with `part_prefix`. ``mode``: of the file; that of the file which it replaces when None,
    or where there is none what `Settings` say. ``where`` is asked at last, right before the file
    is renamed, for the name that it takes instead, in the same folder. Without ``flush`` the caller
    calls `flush_folder`, once for several files. The file is gone when the block, the flush to the
    disk, or the renaming fails. Raises `OSError`, also where no regular file would be replaced.
    """
    folder, name = os.path.split(target)
    replaced = _mode_of(target)
    if mode is None:
        mode = Settings.from_environment().file_mode if replaced is None else replaced
    own = f"{prefix or part_prefix(name)}{secrets.token_hex(16 if prefix else 4)}"
    temporary = os.path.join(folder, own if prefix else f"{own}.part")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.chmod(temporary, mode)  # whatever the process's umask is
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target if where is None else where())
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    if flush:
        flush_folder(folder)


@contextlib.contextmanager
def scratch_beside(target: str) -> Iterator[str]:
    """The name of an empty file beside ``target``, gone when the block is left.

    A kill leaves it under a name like those of `replacement`, so that it is swept up like those.
    """
    folder, name = os.path.split(target)
    path = os.path.join(folder, f"{part_prefix(name)}{secrets.token_hex(4)}.part")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield path
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def part_prefix(name: str) -> str:
    """How the names of files begin that are being written for ``name`` and end with ``.part``."""
    kept = os.fsencode(name)[:_LONGEST_PREFIX].decode(errors="ignore")
    return f".{kept}."


def _mode_of(target: str) -> int | None:
    """The mode of the regular file that is there; None when there is none."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if kind := kind_of(mode):
        problem = f"is {kind}; only a regular file is replaced"
        raise OSError(errno.EINVAL, problem, target)
    return stat.S_IMODE(mode)


def flush_folder(folder: str) -> None:
    """Bring the names of the files in ``folder`` to stable storage, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
