"""The contract: processes that open a store by its pickle see the same blobs."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any

import pytest

import longtake as lt
from longtake.testing.blobs import worker
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import (
    AnyStore,
    closed,
    content_of,
    noise,
    of_its_own,
    opened_again,
    pickled,
    same,
)

__all__ = ["OtherProcess", "ProcessesContract"]

SIZE = 400_000

_LONGEST = 300.0
"""Seconds after which the other process hangs and is killed, which fails the test."""

_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from longtake.testing.blobs.worker import serve; serve()"
)


class OtherProcess:
    """A fresh interpreter with this one's path, where uses of ``store`` run, such as `worker`'s."""

    def __init__(self, store: object) -> None:
        self._store = pickled(store)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self._limit = threading.Timer(_LONGEST, self._kill)
        self._limit.start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests: IO[bytes] = self._process.stdin
        self.answers: IO[bytes] = self._process.stdout
        self._send(sys.path)

    def call(self, use: Callable[..., Any], *arguments: object) -> Any:
        """What ``use(store, *arguments)`` gives there."""
        self.begin(use, *arguments)
        try:
            return pickle.load(self.answers)
        except EOFError:
            pytest.fail(f"the other process failed:\n{self.told()}")

    def begin(self, use: Callable[..., Any], *arguments: object) -> None:
        """Like `call`; the answer comes from ``answers``."""
        self._send((use, self._store, arguments))

    def told(self) -> str:
        """The end of what it wrote to standard error: the traceback of what failed."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-4000:]

    def _send(self, thing: object) -> None:
        pickle.dump(thing, self._requests)
        self._requests.flush()

    def end(self) -> None:
        """Let it end; kill it if it does not."""
        self._requests.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()
        self._limit.cancel()
        self._limit.join()
        self.answers.close()
        self._errors.close()

    def _kill(self) -> None:
        """Also the processes that it forked, which else would keep ``answers`` open."""
        os.killpg(self._process.pid, signal.SIGKILL)


class ProcessesContract(BlobStoreFixtures):
    """Skipped for stores whose pickling is refused."""

    @pytest.fixture
    def other_process(self, store: AnyStore) -> Iterator[OtherProcess]:
        """Another process that has opened ``store``."""
        process = OtherProcess(store)
        yield process
        process.end()

    def test_pickling_is_refused_with_a_blob_error_or_opens_the_store(
        self, store: AnyStore
    ) -> None:
        try:
            content = pickle.dumps(store)
        except lt.BlobError:
            return
        assert isinstance(pickle.loads(content), lt.BlobStore)

    def test_handles_and_processes_see_each_others_blobs(
        self, store: AnyStore, another: AnyStore, other_process: OtherProcess
    ) -> None:
        for putting, looking in ((store, another), (another, store)):
            data = of_its_own()
            blob_id = putting.put(data)
            assert blob_id in looking
            assert same(content_of(looking, blob_id), data)
            looking.drop(blob_id)
            assert content_of(putting, blob_id) is None
        for seed in range(3):
            digest = hashlib.sha256(noise(SIZE, seed)).hexdigest()
            assert other_process.call(worker.digest, store.put(noise(SIZE, seed))) == digest
            theirs = other_process.call(worker.put_noise, SIZE, seed)
            whole = same(content_of(store, theirs), noise(SIZE, seed))
            assert whole, "other bytes than the other process put"

    def test_no_other_process_gives_the_same_ids(
        self, store: AnyStore, another: AnyStore, other_process: OtherProcess
    ) -> None:
        ids = [handle.put(of_its_own()) for handle in (store, another) for _ in range(10)]
        ids += other_process.call(worker.put_many, 10)
        *put, _ = other_process.call(worker.put_and_fork, SIZE)
        ids += [each for each in put if each is not None]
        assert len(set(ids)) == len(ids)

    def test_a_store_is_usable_after_a_fork(
        self, store: AnyStore, other_process: OtherProcess
    ) -> None:
        before, after, in_fork, problem = other_process.call(worker.put_and_fork, SIZE)
        assert in_fork is not None, f"the forked process could not use the store:\n{problem}"
        reader = opened_again(store)
        for blob_id, seed in ((before, 1), (after, 2), (in_fork, 2)):
            whole = same(content_of(reader, blob_id), noise(SIZE, seed))
            assert whole, "other bytes than were put"
        closed(reader)
