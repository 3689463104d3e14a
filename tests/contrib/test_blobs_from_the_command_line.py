"""A take that one command begins and another continues, its big parts in a server's store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import S3Server

pytest.importorskip("longtake_pendulum")
SMALL = ("--height", "32", "--width", "32", "--num-frames", "17")


def generate(*arguments: str, environment: dict[str, str]) -> str:
    """What the command says, when it succeeds."""
    command = [sys.executable, "-m", "longtake", "generate", "two pendulums", *arguments]
    done = subprocess.run(
        [*command, "--family", "pendulum", *SMALL],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("fixture", ["redis_server", "locked_server", "rclone_server"])
def test_a_take_goes_on_from_a_state_in_a_store(
    request: pytest.FixtureRequest, tmp_path: Path, fixture: str
) -> None:
    pytest.importorskip("longtake_objectstore" if fixture == "rclone_server" else "longtake_redis")
    server = request.getfixturevalue(fixture)
    environment = server.environment if isinstance(server, S3Server) else {}
    url = server.new_url()
    state = tmp_path / "state.json"
    options = ("--blobs", url, "--save-state", str(state))
    said = generate("-o", str(tmp_path / "first.mp4"), *options, environment=environment)
    assert "blob_id" in state.read_text()
    more = ("--state", str(state), *options)
    said += generate("-o", str(tmp_path / "second.mp4"), *more, environment=environment)
    assert (tmp_path / "second.mp4").stat().st_size > 0
    assert server.secret not in said + state.read_text()
