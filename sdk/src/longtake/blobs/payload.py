"""What `put` takes: one buffer or an iterable of buffers, and a mime type."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from longtake.errors import ValidationError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["DEFAULT_MIME", "MIME_LIMIT", "BlobData", "check_mime", "held_pieces", "pieces"]

BlobData: TypeAlias = "ReadableBuffer | Iterable[ReadableBuffer]"
"""Bytes, a bytearray, a memoryview, an array, a mapped file, or an iterable of those."""

DEFAULT_MIME = "application/octet-stream"
MIME_LIMIT = 255
"""Longest mime type, in characters."""

_MIME = re.compile(r"[!-~]+/[!-~]+(?:[ -~]*[!-~])?", re.ASCII)


def check_mime(mime: object) -> str:
    """``mime`` itself. Raises `ValidationError` when it is no mime type of printable ASCII."""
    if not isinstance(mime, str) or len(mime) > MIME_LIMIT or not _MIME.fullmatch(mime):
        raise ValidationError(
            "mime", f"it must look like {DEFAULT_MIME!r}, in at most {MIME_LIMIT} ASCII characters"
        )
    return mime


def pieces(data: BlobData) -> Generator[memoryview, None, None]:
    """The bytes of ``data`` as flat views, in C order, each released when the next is asked for.

    An iterable is read one piece at a time, so it may fill the same buffer again and again.
    Only arrays that are not contiguous or not of plain numbers are copied. Raises `ValidationError`
    for anything else.
    """
    whole = _flat_view(data, "data")
    if whole is not None:
        with whole:
            yield whole
        return
    if not isinstance(data, Iterable):
        raise ValidationError("data", f"a {type(data).__name__} is neither bytes nor an iterable")
    for index, piece in enumerate(data):
        view = _flat_view(piece, f"data[{index}]")
        if view is None:
            raise ValidationError(f"data[{index}]", f"a {type(piece).__name__} is not bytes")
        with view:
            yield view


@contextmanager
def held_pieces(data: BlobData) -> Iterator[Iterator[bytes | memoryview]]:
    """Like `pieces`, but each stays valid to the end of the block; those of an iterable are copies.

    Raises like `pieces`, while the pieces are read.
    """
    whole = _flat_view(data, "data")
    if whole is None:
        with closing(pieces(data)) as views:
            yield (bytes(view) for view in views)
    else:
        try:
            yield iter((whole,))
        finally:
            with suppress(BufferError):  # an error's traceback may hold a part, until it is gone
                whole.release()


def _flat_view(data: object, path: str) -> memoryview | None:
    """One dimension of unsigned bytes over ``data``; None when it offers no buffer."""
    if isinstance(data, str):
        raise ValidationError(path, "it is text, not bytes; encode it first")
    try:
        view = memoryview(data)  # type: ignore[arg-type]  # asking is the only way to find out
    except TypeError:
        return None
    except ValueError as error:  # arrays whose values have no buffer form, released views
        raise ValidationError(path, f"its bytes cannot be read: {error}") from error
    if "O" in view.format:
        raise ValidationError(path, "it holds Python objects, not bytes")
    # PickleBuffer.raw would never copy, but it makes a view of a view, and CPython crashes when it
    # collects a cycle that holds both, such as an error with its traceback.
    try:
        return view.cast("B")
    except TypeError:  # not contiguous, no elements, or a format that is not a machine's own
        return memoryview(view.tobytes())
