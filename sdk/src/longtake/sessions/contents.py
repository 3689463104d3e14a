"""The blobs of an export by their names, as far as digests of states need to know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from attrs import frozen

from longtake.blobs.payload import DEFAULT_MIME, BlobData
from longtake.blobs.powers import BlobStat
from longtake.errors import BlobError, BlobNotFound
from longtake.sessions.manifest import BlobFacts

__all__ = ["NamedBlobs"]


@frozen
class NamedBlobs:
    """A `BlobStore` that only says which bytes each of its blobs has: ``facts`` by their names."""

    facts: Mapping[str, BlobFacts]

    def stat(self, blob_id: str) -> BlobStat:
        """What is known of the blob of this name; its size is not."""
        facts = self.facts.get(blob_id)
        if facts is None:
            raise BlobNotFound(f"there is no blob {blob_id!r} in the export")
        return BlobStat(size=0, sha256=bytes.fromhex(facts.sha256), mime=facts.mime, created_ns=0)

    def put(self, data: BlobData, *, mime: str = DEFAULT_MIME) -> str:
        """Nothing can be put."""
        self._refuse()

    def get(self, blob_id: str) -> bytes | memoryview:
        """Nothing can be read."""
        self._refuse()

    def drop(self, blob_id: str) -> None:
        """Nothing can be dropped."""
        self._refuse()

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self.facts

    def _refuse(self) -> NoReturn:
        raise BlobError("the blobs of an export are known by their digests alone")
