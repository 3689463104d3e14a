"""A store for one tenant of several: the ids of the others are refused before it is asked."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from typing import Any

from longtake.blobs.ids import abbreviated
from longtake.blobs.leases import SupportsLeases
from longtake.blobs.payload import BlobData
from longtake.blobs.powers import (
    SupportsClose,
    SupportsPath,
    SupportsRange,
    SupportsRenewal,
    SupportsStat,
)
from longtake.blobs.protocol import BlobStore
from longtake.blobs.wrapping import (
    Closing,
    Leasing,
    Renewing,
    WithPath,
    WithRange,
    WithStat,
    WrappingStore,
    joined_id,
    parts_of,
)
from longtake.errors import BlobError, BlobNotFound, ValidationError
from longtake.keys import KeyRing
from longtake.schema.texts import check_texts

__all__ = ["TenantBlobStore"]

_PURPOSE = b"longtake blob ids of a tenant 1"
_MARK_BYTES = 16
_LONGEST = 255


class TenantBlobStore(WrappingStore):
    """The part of ``store`` that is ``tenant``'s: a `BlobStore` whose ids only this tenant can use.

    An id is a capability: who has it reads the blob. When states go through strangers' hands, one
    tenant may learn another's, and hand it in as its own. So an id of this store carries a MAC of
    the tenant and the id within (HMAC-SHA-256, the first 128 bits); what was not put for this
    tenant is a `BlobNotFound` here, as what is absent is, before ``store`` is asked.

    ``keys``: the current one makes ids, each of them is accepted; who leaves one out gives up the
    ids that were made with it. ``tenant``: a text of 1 to 255 characters; the caller has found out
    who it is. The store keeps ``store``'s powers: stat, range, path, leases, renewal, close. A
    sweep is of the whole of ``store``: leases and pins are the blobs' own.

    Ids are ``[A-Za-z0-9_-]{1,128}``; ``store``'s may have at most 95 of these characters.
    """

    _powers = (
        (SupportsStat, WithStat),
        (SupportsRange, WithRange),
        (SupportsPath, WithPath),
        (SupportsLeases, Leasing),
        (SupportsRenewal, Renewing),
        (SupportsClose, Closing),
    )

    def __init__(self, store: BlobStore, *, tenant: str, keys: KeyRing) -> None:
        super().__init__(store)
        if not isinstance(tenant, str) or not 0 < len(tenant) <= _LONGEST:
            raise ValidationError("tenant", f"must be a text of 1 to {_LONGEST} characters")
        check_texts(tenant, "tenant")
        if not isinstance(keys, KeyRing):
            raise ValidationError("keys", f"is a {type(keys).__name__}; must be a longtake.KeyRing")
        self._tenant, self._keys = tenant, keys
        self._derived = tuple(keys.derived(key_id, _PURPOSE) for key_id in keys)

    def _put(self, put: Callable[..., str], data: BlobData, mime: str) -> str:
        inner = put(data, mime=mime)
        try:
            return joined_id(inner, self._mark(self._derived[0], inner), self._store)
        except BlobError:
            self._store.drop(inner)
            raise

    def _inner(self, blob_id: object) -> str:
        inner, mark = parts_of(blob_id)
        if any(hmac.compare_digest(self._mark(key, inner), mark) for key in self._derived):
            return inner
        raise BlobNotFound(f"blob {abbreviated(inner)}: not among the blobs of this tenant")

    def _mark(self, key: bytes, inner: str) -> str:
        tenant = self._tenant.encode()
        text = len(tenant).to_bytes(8, "big") + tenant + inner.encode("utf-8", "surrogatepass")
        return hmac.digest(key, text, "sha256")[:_MARK_BYTES].hex()

    def __reduce__(self) -> tuple[Any, ...]:
        opened = partial(TenantBlobStore, tenant=self._tenant, keys=self._keys)
        return opened, (self._store,)

    def __repr__(self) -> str:
        return f"<TenantBlobStore of {self._tenant!r} over {self._store!r}>"
