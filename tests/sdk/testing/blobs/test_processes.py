"""What fails in another process of the contract is told, with its traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.testing.blobs import worker
from longtake.testing.blobs.processes import OtherProcess
from tests.sdk.testing.blobs.planted_folder_stores import NotAfterFork, WholeFolder


def test_what_another_process_raises_is_shown(tmp_path: Path) -> None:
    process = OtherProcess(WholeFolder(str(tmp_path)))
    try:
        with pytest.raises(pytest.fail.Exception, match="BlobNotFound"):
            process.call(worker.digest, "0" * 32)
    finally:
        process.end()


def test_what_a_forked_process_raises_is_told(tmp_path: Path) -> None:
    process = OtherProcess(NotAfterFork(str(tmp_path)))
    try:
        _, _, third, problem = process.call(worker.put_and_fork, 1000)
    finally:
        process.end()
    assert third is None
    assert "BlobStoreUnavailable: the connection is another process's" in problem
