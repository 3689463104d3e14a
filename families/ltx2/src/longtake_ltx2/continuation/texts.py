"""Encoded prompts that a state refers to, so that the next worker need not encode them.

In the metadata, ``longtake.texts`` is a list of ``{"key": ..., "sha256": ..., "blob_id": ...}``:
by what the text is known, the digest of the blob, and where it is. They are only ever in a blob
store. Whoever cannot read one encodes the prompt, so nothing is lost when a blob is gone.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from typing import Any, Protocol

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.continuation.checks import blob_id, object_, refuse, shown

__all__ = [
    "CarriedText",
    "CarriedTexts",
    "read_texts",
    "text_blob_ids",
    "with_texts",
    "without_texts",
]

logger = logging.getLogger(__name__)

_PATH = "state.payload.metadata.longtake.texts"
_MIME = "application/x-longtake-text+safetensors"
_MOST = 4
_MOST_BYTES = 2**27
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Encoded(Protocol):
    """An encoded prompt in memory."""

    @property
    def sha256(self) -> str:
        """Of `file`, in hexadecimal digits."""
        ...

    def file(self) -> bytes:
        """As it is in a blob."""
        ...


class CarriedText:
    """One encoded prompt of a take.

    ``key``: of the prompt and of all that its encoding depends on, 64 hexadecimal digits.
    ``encoded``: in memory; None for one that was read. ``sha256``, ``stored``: the digest and the
    id of its blob; None when it has none yet. ``source``: the store that it was read with.
    """

    def __init__(
        self,
        key: str,
        encoded: Encoded | None = None,
        *,
        sha256: str | None = None,
        stored: str | None = None,
        source: lt.BlobStore | None = None,
    ) -> None:
        self.key = key
        self._encoded = encoded
        self._sha256 = sha256
        self._stored = stored
        self._source = source

    @property
    def sha256(self) -> str:
        """Of the blob, in hexadecimal digits."""
        if self._sha256 is None:
            assert self._encoded is not None  # it has one of the two from the beginning
            self._sha256 = self._encoded.sha256
        return self._sha256

    def followed_by(self, encoded: Encoded) -> CarriedText:
        """The text of the next state: the blob stays if ``encoded`` is what is in it."""
        if encoded.sha256 != self.sha256:
            return CarriedText(self.key, encoded)
        return CarriedText(self.key, encoded, sha256=self.sha256, stored=self._stored)

    def file(self) -> bytes | memoryview | None:
        """The blob, if it is there and just what the state says of it."""
        if self._encoded is not None:
            return self._encoded.file()
        if self._source is None or self._stored is None:
            return None
        try:
            file = memoryview(self._source.get(self._stored)).cast("B")
        except (lt.BlobError, KeyError) as error:  # KeyError: of a store outside Longtake
            logger.info("an encoded prompt cannot be read (%s): encoding it", type(error).__name__)
            return None
        if len(file) > _MOST_BYTES or hashlib.sha256(file).hexdigest() != self.sha256:
            logger.warning("an encoded prompt is not what its state says: encoding it")
            return None
        return file

    def reference(self, blobs: lt.BlobStore | None) -> dict[str, str] | None:
        """What a state says of the text, which is in ``blobs`` then; None when it cannot be.

        Without ``blobs``, what was read without a store stays a reference.
        """
        if blobs is None:
            if self._encoded is not None or self._source is not None or self._stored is None:
                return None
        elif self._stored is None or self._stored not in blobs:
            if (file := self.file()) is None:
                return None
            self._stored = blobs.put(file, mime=_MIME)
        return {"key": self.key, "sha256": self.sha256, "blob_id": str(self._stored)}


@frozen(eq=False)
class CarriedTexts:
    """The encoded prompts of a segment, for the state after it."""

    texts: tuple[CarriedText, ...] = field(default=(), repr=False)


def read_texts(metadata: Mapping[str, Any], blobs: lt.BlobStore | None) -> tuple[CarriedText, ...]:
    """The texts that the metadata refers to, none of them fetched yet.

    Raises `longtake.ValidationError` with the path of a wrong field.
    """
    return tuple(
        CarriedText(each["key"], sha256=each["sha256"], stored=each["blob_id"], source=blobs)
        for each in _references(metadata)
    )


def text_blob_ids(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of their blobs; raises like `read_texts`."""
    return tuple(each["blob_id"] for each in _references(metadata))


def without_texts(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The rest of the metadata."""
    ours = metadata.get("longtake")
    if not isinstance(ours, Mapping) or "texts" not in ours:
        return dict(metadata)
    return {**metadata, "longtake": {name: ours[name] for name in ours if name != "texts"}}


def with_texts(
    metadata: Mapping[str, Any], texts: tuple[CarriedText, ...], blobs: lt.BlobStore | None
) -> dict[str, Any]:
    """The metadata with references to ``texts``, which are in ``blobs`` then."""
    references = [each for text in texts if (each := text.reference(blobs)) is not None]
    if not references:
        return dict(metadata)
    return {**metadata, "longtake": {**metadata.get("longtake", {}), "texts": references}}


def _references(metadata: Mapping[str, Any]) -> list[dict[str, str]]:
    ours = metadata.get("longtake")
    if not isinstance(ours, Mapping) or "texts" not in ours:
        return []
    texts = ours["texts"]
    if not isinstance(texts, list | tuple) or len(texts) > _MOST:
        refuse(_PATH, f"is {shown(texts)}; must be a list of at most {_MOST} texts")
    return [_reference(each, f"{_PATH}[{index}]") for index, each in enumerate(texts)]


def _reference(value: object, path: str) -> dict[str, str]:
    text = object_(value, path)
    found = {name: _digest(text.get(name), f"{path}.{name}") for name in ("key", "sha256")}
    return found | {"blob_id": blob_id(text.get("blob_id"), f"{path}.blob_id")}


def _digest(value: object, path: str) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        refuse(path, f"is {shown(value)}; must be 64 hexadecimal digits")
    return value
