"""Which files are read and written at all: regular ones, of names and sizes that systems take."""

from __future__ import annotations

import os
import stat
import sys
from typing import BinaryIO

from longtake.errors import OutputError, ValidationError

__all__ = ["check_name", "check_replaceable", "kind_of", "open_regular", "read_bounded"]

_LONGEST_NAME = 255
"""Bytes of a name in a folder, on every usual file system."""

_LONGEST_PATH = 4095
"""Bytes of a whole path (PATH_MAX of Linux, less its end)."""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def kind_of(mode: int) -> str:
    """What a file of ``st_mode`` is that is neither regular nor a folder; "" for those two."""
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "")


def check_name(path: str | os.PathLike[str]) -> str | None:
    """Why no file can have this name; None when one can."""
    name = os.fspath(path)
    if "\0" in name:
        return "has a NUL character in its name; leave it out"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "has a name that is no Unicode text; rename it in UTF-8"
    longest = max(len(part.encode()) for part in name.split(os.sep))
    if longest > _LONGEST_NAME:
        return f"has a name of {longest} bytes; at most {_LONGEST_NAME} are taken, so shorten it"
    if len(name.encode()) > _LONGEST_PATH:
        return f"is a path of {len(name.encode())} bytes; at most {_LONGEST_PATH} are taken"
    return None


def check_replaceable(path: str | os.PathLike[str]) -> None:
    """Raise `OutputError` when no file can be put at ``path``. Changes nothing.

    What is there may be a regular file, or a link to one; devices, pipes and sockets are never
    replaced. The folder must be there, and both must be writable.
    """
    name = os.fspath(path)
    if problem := check_name(name):
        raise OutputError(name, problem)
    target = os.path.realpath(name)
    if problem := check_name(target):
        raise OutputError(name, f"its folder {problem}")
    parent = os.path.dirname(target)
    if not os.path.isdir(parent):
        raise OutputError(name, f"there is no folder {parent}; create it first")
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        raise OutputError(name, f"cannot be written: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise OutputError(name, "is a directory; name a file in it")
    if kind := kind_of(mode):
        raise OutputError(name, f"is {kind}; only a regular file is replaced, so name another")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(name, f"the folder {parent} is not writable; choose another one")
    if os.path.exists(target) and not os.access(target, os.W_OK):
        raise OutputError(name, "there is a read-only file; choose another name")


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """The regular file at ``path``, open for reading. It never waits for a writer.

    Raises `OSError`, and `ValidationError` naming what is no regular file.
    """
    name = os.fspath(path)
    if problem := check_name(name):
        raise ValidationError(name, problem)
    # A named pipe would be waited for without O_NONBLOCK, which regular files ignore.
    file = open(os.open(name, os.O_RDONLY | _NO_WAITING), "rb")  # noqa: SIM115
    if kind := kind_of(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValidationError(name, f"is {kind}; only a regular file is read")
    return file


def read_bounded(path: str | os.PathLike[str], at_most: int) -> bytes:
    """The bytes of the regular file at ``path``, if they are no more than ``at_most``.

    It never waits for a writer and never reads without end. Raises `ValidationError` naming the
    file.
    """
    name = os.fspath(path)
    try:
        with open_regular(name) as file:
            status = os.fstat(file.fileno())
            data = b"" if status.st_size > at_most else file.read(at_most + 1)
    except OSError as error:
        raise ValidationError(name, f"cannot be read: {error.strerror or error}") from None
    if max(status.st_size, len(data)) > at_most:
        size = max(status.st_size, len(data))
        raise ValidationError(name, f"has {size} bytes; at most {at_most} are read")
    return data


_NO_WAITING = 0 if sys.platform == "win32" else os.O_NONBLOCK
