"""The contract: a server or a disk that is not there is an error, clear and soon."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures, Outage
from longtake.testing.blobs.samples import AnyStore, content_of, of_its_own, same

__all__ = ["OutagesContract"]

USES: dict[str, Callable[[AnyStore, str], object]] = {
    "put": lambda store, blob_id: store.put(of_its_own()),
    "get": lambda store, blob_id: store.get(blob_id),
    "drop": lambda store, blob_id: store.drop(blob_id),
    "in": lambda store, blob_id: blob_id in store,
}


class OutagesContract(BlobStoreFixtures):
    """`longtake.BlobStoreUnavailable`, which says that trying again may help."""

    @pytest.fixture
    def known_id(self, store: AnyStore) -> str:
        """The id of a blob in ``store``."""
        return store.put(of_its_own())

    @pytest.mark.parametrize("use", USES)
    def test_a_lost_store_says_so_in_bounded_time(
        self, known_id: str, lost_store: AnyStore, use: str
    ) -> None:
        with pytest.raises(lt.BlobStoreUnavailable):
            soon(self.patience, USES[use], lost_store, known_id)

    def test_a_store_is_usable_after_an_outage(
        self, store: AnyStore, known_id: str, outage: Outage
    ) -> None:
        with outage():
            for use in USES.values():
                with suppress(Exception, pytest.fail.Exception):  # the test above is about those
                    soon(self.patience, use, store, known_id)
        data = of_its_own()
        assert same(content_of(store, soon(self.patience, store.put, data)), data)


def soon(seconds: float, use: Callable[..., Any], *arguments: object) -> Any:
    """What ``use`` gives or raises; fails the test when it does neither for ``seconds``."""
    outcome: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(use(*arguments))
        except BaseException as error:  # raised below, in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        pytest.fail(f"nothing was said for {seconds} s")
    if errors:
        raise errors[0]
    return outcome[0]
