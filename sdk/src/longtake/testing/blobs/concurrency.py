"""The contract: any number of threads may use a store at once."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import AnyStore, content_of, noise, of_its_own, same

__all__ = ["ConcurrencyContract"]

THREADS = 8
SIZES = (16, 5000, 60_000)


class ConcurrencyContract(BlobStoreFixtures):
    """Checked against what each thread knows of its own blobs."""

    def test_threads_agree_with_a_model(self, store: AnyStore) -> None:
        together = threading.Barrier(THREADS, timeout=60)

        def use(seed: int) -> int:
            together.wait()
            return lost_blobs(store, random.Random(seed), self.uses)

        with ThreadPoolExecutor(THREADS) as threads:
            lost = sum(threads.map(use, range(THREADS)))
        assert lost == 0, "blobs that a thread put and did not drop are gone or changed"

    def test_threads_get_one_blob_at_once(self, store: AnyStore) -> None:
        data = noise(60_000)
        blob_id = store.put(data)
        with ThreadPoolExecutor(THREADS) as threads:
            got = list(threads.map(lambda _: content_of(store, blob_id), range(4 * THREADS)))
        assert all(same(each, data) for each in got)

    def test_get_against_drop_gives_the_blob_or_not_found(self, store: AnyStore) -> None:
        contents = {store.put(data): data for data in (of_its_own(9000) for _ in range(50))}

        def drop_all() -> None:
            for blob_id in contents:
                store.drop(blob_id)

        dropper = threading.Thread(target=drop_all)
        dropper.start()
        got = [(content_of(store, each), contents[each]) for each in reversed(contents)]
        dropper.join()
        assert all(given is None or same(given, data) for given, data in got)


def lost_blobs(store: AnyStore, chance: random.Random, uses: int) -> int:
    """How many blobs did not come back as they were, of those put and got at random."""
    model: dict[str, bytes] = {}
    wrong = 0
    for _ in range(uses):
        use = chance.choice(["put", "get", "get", "drop"])
        if use == "put" or not model:
            data = of_its_own(chance.choice(SIZES))
            model[store.put(data)] = data
            continue
        blob_id = chance.choice(list(model))
        if content_of(store, blob_id) != model[blob_id]:
            wrong += 1
            del model[blob_id]
        elif use == "drop":
            store.drop(blob_id)
            del model[blob_id]
    return wrong + sum(content_of(store, each) != data for each, data in model.items())
