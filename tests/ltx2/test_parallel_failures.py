"""When a rank is lost the others end, soon and with a word; a run that is stopped loses nobody."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from longtake.media.reader import read_take
from tests.ltx2.ranks import (
    Ranks,
    children_by_rank,
    ends,
    environment,
    torchrun_command,
    wait_for,
    without_agent,
)
from tests.ltx2.test_command_line import SMALL


def endless_take(tiny: Path, out: Path) -> list[str]:
    model = ["--model", str(tiny), "--segments", "500"]
    return ["generate", "waves", *model, *SMALL, "-o", str(out)]


def state_beside(out: Path) -> Path:
    return out.with_name(f"{out.name}.state.json")


@pytest.mark.parametrize("killed", [0, 1])
def test_a_rank_that_is_killed_ends_the_others(tiny: Path, tmp_path: Path, killed: int) -> None:
    out = tmp_path / "take.mkv"
    with without_agent(2, "-m", "longtake", *endless_take(tiny, out)) as ranks:
        wait_for(state_beside(out), ranks)
        ranks[killed].kill()
        code, said = ends(ranks[1 - killed])
    assert code == 1
    lost = f"rank {killed} of 2 ended" if killed else "rank 0 ended"
    assert f"{lost} (killed, or cut off)" in said.splitlines()[-1]
    assert len(read_take(out).frames) >= 25


def test_a_worker_that_is_killed_under_torchrun_ends_the_run(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "take.mkv"
    command = torchrun_command(2, "-m", "longtake", *endless_take(tiny, out))
    with subprocess.Popen(
        command, env=environment(), stderr=subprocess.PIPE, text=True
    ) as launcher:
        wait_for(state_beside(out), [launcher])
        signal.pidfd_send_signal(children_by_rank(launcher)[1], signal.SIGKILL)
        code, said = ends(launcher)
    assert code == 1
    assert "rank 1 of 2 ended (killed, or cut off); start all ranks again" in said


def test_ctrl_c_stops_the_run_and_ends_all_ranks_in_order(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "take.mkv"
    with without_agent(2, "-m", "longtake", *endless_take(tiny, out)) as ranks:
        wait_for(state_beside(out), ranks)
        for process in reversed(ranks):
            process.send_signal(signal.SIGINT)
        assert ends(ranks[1]) == (0, "")
        code, said = ends(ranks[0])
    assert code == 130
    assert said.splitlines()[-1] == "interrupted"


def running(tmp_path: Path, change: str, *arguments: str) -> tuple[str | Path, ...]:
    """The command, as a program of its own that first runs ``change``."""
    program = tmp_path / "changed.py"
    program.write_text(
        "import os, time, torch\n"
        "from longtake.cli import main\n"
        "from longtake_ltx2.denoising.denoiser import Denoiser\n"
        "from longtake_ltx2.parallel import group, leader\n"
        "RANK = int(os.environ['RANK'])\n"
        f"{change}\n"
        "raise SystemExit(main())\n"
    )
    return (program, *arguments)


@pytest.mark.parametrize("failing", [0, 1])
def test_a_failure_of_one_rank_is_told_by_all(tiny: Path, tmp_path: Path, failing: int) -> None:
    change = (
        "def predictions(*_):\n"
        "    raise torch.OutOfMemoryError('no memory')\n"
        f"if RANK == {failing}:\n"
        "    Denoiser.predictions = predictions\n"
    )
    take = endless_take(tiny, tmp_path / "take.mkv")
    with without_agent(2, *running(tmp_path, change, *take)) as ranks:
        said = [last_line_of_failed(ranks, rank) for rank in (0, 1)]
    assert all("OutOfMemoryError: no memory" in line for line in said)
    assert f"rank {failing} of 2 failed" in said[1 - failing]


def test_rank_0_does_not_hang_where_another_library_would(tiny: Path, tmp_path: Path) -> None:
    change = (
        "leader.GRACE_SECONDS = 1.0\n"
        "if RANK == 0:\n"
        "    group.TensorGroup.broadcast = lambda *_: time.sleep(1000)\n"
        "else:\n"
        "    group.TensorGroup.broadcast = lambda *_: os.kill(os.getpid(), 9)\n"
    )
    take = endless_take(tiny, tmp_path / "take.mkv")
    with without_agent(2, *running(tmp_path, change, *take)) as ranks:
        assert "rank 1 of 2 ended" in last_line_of_failed(ranks, 0)


def last_line_of_failed(ranks: Ranks, rank: int) -> str:
    code, said = ends(ranks[rank], seconds=300)
    assert code == 1
    return said.splitlines()[-1]
