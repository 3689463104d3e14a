"""A blob store that is torn by a kill once in a while: only a longer session finds it.

Not collected by itself: `test_planted_rare_tears` runs it, short and long.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.sdk.testing.blobs.planted_folder_stores import TornByKill
from tests.sdk.testing.blobs.working_stores import FolderStore

RARELY = 40
"""Processes that put before one of them writes in two halves."""


class TornOnceInAWhile(TornByKill):
    """Writes as it should, until it has grown old."""

    fails = "test_a_kill_tears_no_blob"

    def keep(self, key: str, record: bytes) -> None:
        root = Path(self.root)
        ages = root.with_name(f"{root.name}-ages")
        ages.mkdir(exist_ok=True)
        (ages / str(os.getpid())).touch()
        young = len(list(ages.iterdir())) < RARELY
        FolderStore.keep(self, key, record) if young else super().keep(key, record)


if "pytest" in sys.modules:  # not in the processes that the contract starts
    from tests.sdk.testing.blobs.store_contracts import FolderStoreTests, contracts

    globals().update(contracts(globals(), FolderStoreTests))
