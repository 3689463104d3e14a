"""Blob stores in folders that other processes break, each in one way that one test names.

Not collected by itself: `test_planted_folder_stores` runs it and looks at what failed.
"""

from __future__ import annotations

import atexit
import os
import random
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import longtake as lt
from tests.sdk.testing.blobs.working_stores import (
    FolderStore,
    is_running,
)

PAUSE = 0.0 if "pytest" in sys.modules else 0.05
"""Seconds that a put takes in the processes that are killed, so that kills meet one."""


class WholeFolder(FolderStore):
    """Nothing is wrong."""


class TornByKill(FolderStore):
    """Written in its final place, in two halves."""

    fails = "test_a_kill_tears_no_blob"

    def keep(self, key: str, record: bytes) -> None:
        half = len(record) // 2
        with open(self.path_of(key), "wb", opener=private) as file:
            file.write(record[:half])
            file.flush()
            time.sleep(PAUSE)
            file.write(record[half:])


class LostByKill(FolderStore):
    """Only when the process ends does it make its blobs outlive it."""

    fails = "test_a_kill_loses_no_blob_that_put_had_returned"

    def keep(self, key: str, record: bytes) -> None:
        super().keep(key, record)
        own = Path(self.root, f".tmp-{os.getsid(0)}-owns-{key}")
        own.touch()
        atexit.register(own.unlink, missing_ok=True)

    def sweep(self, path: Path) -> None:
        key = path.name.rpartition("-")[2]
        if "owns" in path.name and not is_running(int(path.name.split("-")[1])):
            self.path_of(key).unlink(missing_ok=True)
        super().sweep(path)

    def names(self) -> set[str]:
        return {name for name in super().names() if "owns" not in name}


class LitterOfKills(FolderStore):
    """Temporary files that nobody removes."""

    fails = "test_a_kill_leaves_nothing_but_whole_blobs"

    def keep(self, key: str, record: bytes) -> None:
        temporary = Path(self.root, f".tmp-{os.getpid()}-{key}")
        temporary.touch(0o600)
        temporary.write_bytes(record)
        time.sleep(PAUSE)
        temporary.rename(self.path_of(key))

    def sweep(self, path: Path) -> None:
        pass


class SeededIds(FolderStore):
    """Every handle has a generator of its own, and all begin alike."""

    fails = "test_no_other_process_gives_the_same_ids"

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.chance = random.Random(7)

    def new_id(self, content: bytes) -> str:
        return self.chance.randbytes(16).hex()


class IdsSharedByForks(FolderStore):
    """A generator that begins anywhere, but is copied by a fork."""

    fails = "test_no_other_process_gives_the_same_ids"
    chance = random.Random(secrets.token_bytes(16))

    def new_id(self, content: bytes) -> str:
        return self.chance.randbytes(16).hex()


class NotAfterFork(FolderStore):
    """A connection that belongs to the process that opened it."""

    fails = "test_a_store_is_usable_after_a_fork"

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.owner = os.getpid()

    def check_open(self) -> None:
        super().check_open()
        if os.getpid() != self.owner:
            raise lt.BlobStoreUnavailable("the connection is another process's")


class KnowsWhatWasThere(FolderStore):
    """What is in the folder is looked up when the store is opened."""

    fails = "test_handles_and_processes_see_each_others_blobs"

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.known = self.names()

    def keep(self, key: str, record: bytes) -> None:
        super().keep(key, record)
        self.known.add(key)

    def load(self, key: str) -> Any:
        return super().load(key) if key in self.known else None


class HandlesLeak(FolderStore):
    """What is opened with the store is not closed with it."""

    fails = "test_closed_handles_leave_no_descriptors_and_threads_behind"

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.folder = os.open(root, os.O_RDONLY)


class ReadableByAll(FolderStore):
    fails = "test_the_file_is_for_its_owner_only"

    def keep(self, key: str, record: bytes) -> None:
        super().keep(key, record)
        self.path_of(key).chmod(0o644)


class PathOfTheRecord(FolderStore):
    """The header is forgotten."""

    fails = "test_the_file_has_the_blobs_bytes"

    def path(self, blob_id: str) -> lt.BlobPath:
        place = super().path(blob_id)
        return lt.BlobPath(place.path, 0, place.size)


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


if "pytest" in sys.modules:  # not in the processes that the contract starts
    from tests.sdk.testing.blobs.store_contracts import FolderStoreTests, contracts

    globals().update(contracts(globals(), FolderStoreTests))
