"""The smallest networks compute in one thread, whatever torch is told; others as it is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.loading.model import load
from longtake_ltx2.loading.threads import one_thread
from longtake_ltx2.tiny import LARGER, write_tiny_checkpoint
from tests.ltx2.watching import quick

THREADS = 3


@pytest.fixture(autouse=True)
def several() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def test_a_take_of_tiny_networks_depends_on_no_number_of_threads(tiny: Path) -> None:
    sampling = lt.Sampling(height=64, width=64, num_frames=17)
    request = lt.GenerationRequest("rain", sampling=sampling, stage_overrides=quick())
    made = []
    with lt.load(tiny, device="cpu") as pipeline:
        for threads in (THREADS, 1):
            torch.set_num_threads(threads)
            made.append(pipeline.generate(request))
            assert torch.get_num_threads() == threads
        with pipeline.components():
            assert torch.get_num_threads() == 1
    assert np.array_equal(made[0].frames, made[1].frames)
    assert made[0].audio is not None
    assert made[1].audio is not None
    assert np.array_equal(made[0].audio, made[1].audio)


def test_other_networks_compute_as_torch_is_told(tmp_path: Path) -> None:
    """Those of the larger random checkpoint gain from a second core."""
    write_tiny_checkpoint(tmp_path / "larger", size=LARGER)
    with load(lt.ModelSource(path=tmp_path / "larger", device="cpu")).computing():
        assert torch.get_num_threads() == THREADS


def test_threads_come_and_go_in_any_order() -> None:
    both_in, first_out, both_out = Barrier(2), Barrier(2), Barrier(2)
    seen: list[int] = []

    def first() -> None:
        with one_thread():
            both_in.wait(10)
        first_out.wait(10)
        both_out.wait(10)
        seen.append(torch.get_num_threads())

    def second() -> None:
        with one_thread():
            both_in.wait(10)
            first_out.wait(10)
            seen.append(torch.get_num_threads())
        both_out.wait(10)

    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == [1, THREADS]
    fresh: list[int] = []
    after = Thread(target=lambda: fresh.append(torch.get_num_threads()))
    after.start()
    after.join(20)
    assert fresh == [THREADS] == [torch.get_num_threads()]


PROGRAM = """
import sys
from longtake.cli import main
assert main(["generate", "a tram turns", "--model", "tiny:random", "-o", sys.argv[1]]) == 0
print(*(name for name in sys.argv[2:] if name in sys.modules))
"""


def test_a_first_take_imports_no_pipeline_of_diffusers(tmp_path: Path) -> None:
    unneeded = [
        "diffusers.pipelines.pipeline_utils",
        "diffusers.pipelines.ltx2.pipeline_ltx2_condition",
    ]
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "take.mp4"), *unneeded]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
