"""obstore's clients: which service, how patient, how trusting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError
from obstore.store import from_url

import longtake as lt
from longtake_objectstore.places import Place

if TYPE_CHECKING:
    from obstore.store import AzureStore, ClientConfig, GCSStore, RetryConfig, S3Store

    Client = S3Store | GCSStore | AzureStore

__all__ = ["client_of"]

_WHOLE_TRANSFER = "24h"
"""A limit for one answer that keeps coming; silence is limited much sooner."""

_RETRIES: RetryConfig = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=2),
        "base": 2,
    },
}


def client_of(place: Place, *, silence: int) -> Client:
    """The client of the bucket's folder; it finds its credentials where obstore looks for them.

    ``silence``: seconds from the start of a request until the first byte of its answer, and
    between two reads; uploading counts as silence. Sends nothing. Raises `ValidationError` when
    obstore cannot use what is configured.
    """
    options: ClientConfig = {
        "connect_timeout": timedelta(seconds=min(5, place.timeout)),
        "read_timeout": timedelta(seconds=silence),
        "timeout": _WHOLE_TRANSFER,
    }
    if place.endpoint.startswith("http://"):  # whoever writes http means it
        options["allow_http"] = True
    opened: Any = from_url  # typed by one overload for each service
    try:
        client: Client = opened(
            place.url, config=_config(place), client_options=options, retry_config=_RETRIES
        )
    except (BaseError, ValueError) as error:  # its text may repeat what is configured
        problem = f"obstore cannot use its configuration ({type(error).__name__})"
        raise lt.ValidationError("blobs", problem) from None
    return client


def _config(place: Place) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if place.scheme == "s3":
        # The record has a digest of its own, so the signature needs none; not every server that
        # speaks S3 knows the bulk request by which obstore deletes a single object, too.
        config = {"unsigned_payload": True, "disable_bulk_delete": True}
    if place.endpoint:
        config["base_url" if place.scheme == "gs" else "endpoint"] = place.endpoint
    if place.region:
        config["region"] = place.region
    if place.account:
        config["account_name"] = place.account
    return config
