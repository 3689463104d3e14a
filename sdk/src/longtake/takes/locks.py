"""One writer per file: a lock beside each, and what dead writers left is swept under it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from longtake.errors import OutputError

__all__ = ["locked"]

_LONGEST_STEM = 200
"""Bytes of a file's name in the name of its lock, which then fits wherever the file's does."""

_PART = re.compile(r"[0-9a-f]{8}\.part")
"""What follows the file's own name in that of a part, which `longtake.durable` writes."""


@contextlib.contextmanager
def locked(*paths: str | os.PathLike[str]) -> Iterator[bool]:
    """Be the only one that writes these files; parts of them that dead writers left are removed.

    Gives whether the last writer of one of them was killed.

    A file need not be there. The locks end with the process, however it ends; they are files of
    their own beside, which are gone afterwards. Raises `OutputError` naming a file that another
    process is writing, and then holds none.
    """
    targets = sorted({os.path.realpath(path): os.fspath(path) for path in paths}.items())
    with contextlib.ExitStack() as held:
        killed = False
        for target, name in targets:
            killed = held.enter_context(_locked(target, name)) or killed
            _sweep(target)
        yield killed


@contextlib.contextmanager
def _locked(target: str, name: str) -> Iterator[bool]:
    lock = _lock_name(target)
    descriptor, was_there = _acquired(lock, name)
    try:
        yield was_there
    finally:
        # Still under the lock: whoever has opened this file finds it gone, and makes a new one.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)
        os.close(descriptor)


def _acquired(lock: str, name: str) -> tuple[int, bool]:
    while True:
        was_there = os.path.lexists(lock)
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OutputError(name, f"cannot be locked: {error.strerror or error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, descriptor):
                return descriptor, was_there
            os.close(descriptor)  # of one who has just gone
        except BlockingIOError:
            os.close(descriptor)
            problem = "another command is writing it; wait for its end, or name another file"
            raise OutputError(name, problem) from None
        except OSError as error:
            os.close(descriptor)
            raise OutputError(name, f"cannot be locked: {error.strerror or error}") from error


def _is_at(path: str, descriptor: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))


def _lock_name(target: str) -> str:
    folder, name = os.path.split(target)
    stem = os.fsencode(name)
    if len(stem) > _LONGEST_STEM:
        digest = hashlib.sha256(stem).hexdigest()[:8]
        name = f"{stem[:_LONGEST_STEM].decode(errors='ignore')}.{digest}"
    return os.path.join(folder, f".{name}.lock")


def _sweep(target: str) -> None:
    """Remove the parts of ``target`` that nobody writes any more."""
    folder, name = os.path.split(target)
    kept = os.fsencode(name)[:_LONGEST_STEM].decode(errors="ignore")
    for path in Path(folder).glob(f".{_literal(kept)}.*.part"):
        if _PART.fullmatch(path.name.removeprefix(f".{kept}.")):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _literal(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)
