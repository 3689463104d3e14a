"""``longtake serve`` as people run it: settings, its own folder, kills and signals."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("longtake_serve")

import longtake as lt
from longtake_serve.command import serve
from tests.contrib.serve.http.process import running
from tests.contrib.serve.http.server import WAIT
from tests.contrib.serve.scripted import eventually


def shown(*options: str, env: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """The settings that a server would have: value and source by name."""
    result = CliRunner().invoke(serve, [*options, "--show-settings"], env=env)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines()]
    return {row[0]: (" ".join(row[1:-1]), row[-1]) for row in rows}


def test_a_killed_server_goes_on_in_the_middle_of_a_segment(tmp_path: Path) -> None:
    with running(tmp_path / "one") as server:
        take = server.client.post("/v1/sessions", json={}).json()["id"]
        for prompt in ("sea", "dunes"):
            server.extend(take, prompt)
        with server.client.stream("GET", f"/v1/sessions/{take}/events") as answer:
            next(line for line in answer.iter_lines() if line == "event: progress")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with running(tmp_path / "one") as server:
        eventually(lambda: not server.get(f"/v1/sessions/{take}")["open_work"])
        work = server.get(f"/v1/sessions/{take}/work")["data"]
        assert [each["status"] for each in work] == ["done", "done"]
        killed = server.digests(take)
        other = server.client.post("/v1/sessions", json={}).json()["id"]
        for prompt in ("sea", "dunes"):
            server.extend(other, prompt)
        eventually(lambda: not server.get(f"/v1/sessions/{other}")["open_work"])
        assert killed == server.digests(other)


def test_a_server_that_is_told_to_end_leaves_what_is_open_in_its_store(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        take = server.client.post("/v1/sessions", json={}).json()["id"]
        for prompt in ("sea", "dunes", "snow"):
            server.extend(take, prompt)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(WAIT) == 0
    with running(tmp_path) as server:
        eventually(lambda: not server.get(f"/v1/sessions/{take}")["open_work"])
        assert server.get(f"/v1/sessions/{take}")["num_segments"] == 3
    assert (tmp_path / "takes.db").is_file()


def test_it_answers_by_its_own_names_alone(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        answer = server.client.get("/v1/sessions", headers={"Host": "evil.example"})
        assert (answer.status_code, answer.json()["error"]["path"]) == (421, "host")
        assert server.client.get("/v1/sessions", headers={"Host": "localhost"}).is_success


def test_settings_come_from_options_the_environment_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('port = 1\npreset = "a"\naudio-codec = "flac"\nallowed_host = ["a", "b"]\n')
    env = {"LONGTAKE_SERVE_PORT": "2", "LONGTAKE_SERVE_PRESET": "b"}
    found = shown("--config", str(file), "--port", "3", env=env)
    assert found["port"] == ("3", "option")
    assert found["preset"] == ("b", "environment")
    assert found["audio-codec"] == ("flac", "file")
    assert found["allowed-host"] == ("a b", "file")
    assert found["limit-queue"] == ("16", "default")
    by_environment = shown(env={"LONGTAKE_SERVE_CONFIG": str(file)})
    assert by_environment["port"] == ("1", "file")


def test_who_rolls_is_this_process_or_whoever_is_named() -> None:
    assert shown()["dispatcher"] == ("inprocess:", "default")
    devices = shown("--device", "cuda:0", "--device", "cuda:1")
    assert devices["dispatcher"][0] == "inprocess:cuda:0,cuda:1"
    assert shown("--dispatcher", "inprocess")["dispatcher"] == ("inprocess:", "option")
    named = shown("--dispatcher", "ray://u:hidden@head:10001?workers=4")
    assert named["dispatcher"] == ("ray://***@head:10001?workers=4", "option")
    result = CliRunner().invoke(serve, ["--dispatcher", "inprocess:2", "--device", "cpu"])
    assert isinstance(result.exception, lt.ValidationError)
    assert result.exception.path == "device"


def test_every_setting_is_shown_and_no_secret(tmp_path: Path) -> None:
    found = shown("--sessions", "redis://ann:hidden@host/0?ssl_password=hidden&a=b")
    assert found["sessions"] == ("redis://***@host/0?ssl_password=***&a=b", "option")
    hidden = {"config", "data_home", "show_settings"}
    names = {param.name for param in serve.params if param.name} - hidden
    assert found.keys() == {name.replace("_", "-") for name in names}


def test_without_options_it_has_a_folder_of_its_own(tmp_path: Path) -> None:
    found = shown(env={"XDG_DATA_HOME": str(tmp_path)})
    assert found["folder"] == (str(tmp_path / "longtake" / "serve"), "default")
    assert found["sessions"][0] == f"sqlite://{tmp_path}/longtake/serve/takes.db"
    assert (found["family"][0], found["host"][0], found["port"][0]) == (
        "pendulum",
        "127.0.0.1",
        "8008",
    )
    assert found["audio-codec"] == ("flac", "default")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("portt = 1", "there is no setting 'portt'"),
        ("port = [1]", "port must be one value"),
        ("device = 'cpu'", "device must be a list"),
        ("port = 'many'", "is not a valid integer"),
        ("port = ", "is no TOML file"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "serve.toml"
    file.write_text(text)
    result = CliRunner().invoke(serve, ["--config", str(file), "--show-settings"])
    assert result.exit_code == 2
    assert problem in " ".join(result.output.split())


def ended(*options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "longtake", "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT)
    return done.returncode, done.stderr


def test_nobody_else_is_let_in_without_tokens_by_mistake(tmp_path: Path) -> None:
    code, said = ended("--folder", str(tmp_path), "--host", "0.0.0.0")
    assert code != 0
    assert "tokens: is needed where others than this machine can ask" in " ".join(said.split())


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = ended("--folder", str(tmp_path), "--port", str(port))
    assert code != 0
    assert f"port: {port} of 127.0.0.1 cannot be had" in " ".join(said.split())


def test_tokens_say_whose_takes_they_are(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    lines = [f"{name}:{hashlib.sha256(f'of {name}'.encode()).hexdigest()}" for name in "ab"]
    tokens.write_text("\n".join(["# tenants", "", *lines]))
    a, b = ({"Authorization": f"Bearer of {name}"} for name in "ab")
    with running(tmp_path / "data", "--tokens", str(tokens)) as server:
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic of a"}):
            answer = server.client.get("/v1/sessions", headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        take = server.client.post("/v1/sessions", json={}, headers=a).json()["id"]
        assert server.client.get(f"/v1/sessions/{take}", headers=a).is_success
        for method, path in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/finish"),
            ("GET", "/work"),
            ("GET", "/segments"),
            ("GET", "/state"),
            ("GET", "/events"),
        ):
            url = f"/v1/sessions/{take}{path}"
            assert server.client.request(method, url, headers=b).status_code == 404
        assert server.client.get("/v1/sessions", headers=b).json()["data"] == []


def test_the_help_of_longtake_imports_no_web_server() -> None:
    program = (
        "import json, sys\nfrom longtake.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(json.dumps([n for n in ('starlette', 'uvicorn', 'longtake_serve.app') "
        "if n in sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "serve" in done.stdout
    assert json.loads(done.stderr.splitlines()[-1]) == []
