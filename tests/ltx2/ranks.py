"""Starting one program as several processes, with and without torchrun's agent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 300.0


def environment(**more: str) -> dict[str, str]:
    """This process's, with the tests to import and one thread for each process."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths()), "OMP_NUM_THREADS": "1", **more}


def paths() -> Iterator[str]:
    yield str(ROOT)
    if before := os.environ.get("PYTHONPATH"):
        yield before


def torchrun_command(world_size: int, *arguments: str | Path) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*launcher, "--nproc-per-node", str(world_size), *map(str, arguments)]


def torchrun(world_size: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program (``-m``, name, ...) to its end, which must be a good one."""
    done = subprocess.run(
        torchrun_command(world_size, *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


Ranks = list[subprocess.Popen[str]]


@contextmanager
def without_agent(world_size: int, *arguments: str | Path) -> Iterator[Ranks]:
    """The same program once per rank (``-m``, name, ...), with nobody to look after them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    ranks = [
        subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            env=environment(
                RANK=str(rank),
                LOCAL_RANK=str(rank),
                WORLD_SIZE=str(world_size),
                MASTER_ADDR="127.0.0.1",
                MASTER_PORT=port,
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world_size)
    ]
    try:
        yield ranks
    finally:
        for process in ranks:
            process.kill()
            process.communicate()


def children_by_rank(launcher: subprocess.Popen[str]) -> dict[int, int]:
    """Handles (``os.pidfd_open``) of the processes that torchrun started."""
    found = {}
    for pid in Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split():
        variables = Path(f"/proc/{pid}/environ").read_text().split("\0")
        ranks = [v.removeprefix("RANK=") for v in variables if v.startswith("RANK=")]
        if ranks:
            found[int(ranks[0])] = os.pidfd_open(int(pid))
    return found


def wait_for(path: Path, processes: Sequence[subprocess.Popen[str]]) -> None:
    """Until ``path`` is there, while all processes run."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert all(process.poll() is None for process in processes), "a process ended too soon"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ends(process: subprocess.Popen[str], seconds: float = 30.0) -> tuple[int, str]:
    """Exit status and standard error of a process that must end soon."""
    _, said = process.communicate(timeout=seconds)
    return process.returncode, said
