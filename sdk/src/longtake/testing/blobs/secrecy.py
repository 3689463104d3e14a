"""The contract: who may read a message or a log may not therefore read blobs."""

from __future__ import annotations

import logging
import pickle

import pytest

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import AnyStore, absent_id, closed, of_its_own, skip

__all__ = ["SecrecyContract"]


class SecrecyContract(BlobStoreFixtures):
    """Ids and credentials stay out of reprs, errors and logs."""

    def test_repr_hides_ids(self, store: AnyStore) -> None:
        ids = [store.put(of_its_own()) for _ in range(3)]
        for blob_id in ids:
            store.get(blob_id)
        assert not any(blob_id in repr(store) for blob_id in ids)

    def test_repr_and_errors_hide_credentials(
        self, store: AnyStore, request: pytest.FixtureRequest
    ) -> None:
        if not self.secrets:
            skip("nothing to hide: put the store's credentials into `secrets`")
        missing = absent_id(store)
        said = [repr(store), str(store), *errors_of(store, missing)]
        assert not self._shown(said)
        lost: AnyStore = request.getfixturevalue("lost_store")  # may skip what follows
        said = [repr(lost), *errors_of(lost, missing)]
        closed(store)
        said += [repr(store), *errors_of(store, missing)]
        assert not self._shown(said)

    def _shown(self, said: list[str]) -> list[str]:
        return [each for each in said if any(secret in each for secret in self.secrets)]

    def test_errors_hide_ids(self, store: AnyStore) -> None:
        missing = absent_id(store)
        assert not any(missing in each for each in errors_of(store, missing))

    def test_logs_hide_ids_and_credentials(
        self, store: AnyStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            blob_id, missing = store.put(of_its_own()), absent_id(store)
            store.get(blob_id)
            errors_of(store, missing)
            store.drop(blob_id)
        assert not any(each in caplog.text for each in (blob_id, missing, *self.secrets))

    def test_errors_survive_pickling(self, store: AnyStore) -> None:
        with pytest.raises(LookupError) as raised:
            store.get(absent_id(store))
        again = pickle.loads(pickle.dumps(raised.value))
        assert type(again) is type(raised.value)
        assert str(again) == str(raised.value)


def errors_of(store: AnyStore, blob_id: str) -> list[str]:
    """What the store says when it has no blob, with what it says was the reason."""
    try:
        store.get(blob_id)
    except (LookupError, lt.LongtakeError) as error:
        chain = [error, error.__cause__]
        return [text for each in chain if each is not None for text in (str(each), repr(each))]
    return []
