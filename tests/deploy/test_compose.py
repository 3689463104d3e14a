"""The compose files: valid, pinned, and what they tell the server is what it understands."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

pytest.importorskip("longtake_serve")
pytest.importorskip("yaml")

from longtake_serve.command import serve
from tests.contrib.serve.http.server import TINY, WAIT
from tests.contrib.serve.scripted import eventually
from tests.deploy.files import (
    DEPLOY,
    PREFIX,
    compose,
    image_problem,
    interpolated,
    pairs,
    variables_of_settings,
)
from tests.servers import (
    PostgresServer,
    RcloneServer,
    missing_postgres,
    missing_rclone,
    running,
)

FILES = ("compose.yaml", "compose.ltx2.yaml")
SAID = {
    "LONGTAKE_NAME": "takes.example.com",
    "LONGTAKE_OBJECTS_KEY": RcloneServer.key_id,
    "LONGTAKE_OBJECTS_SECRET": RcloneServer.secret,
    "LONGTAKE_CHECKPOINT": "/checkpoints/ltx-2",
}


def server_environment(*files: str) -> dict[str, str]:
    """Of the server, with what one file says over another."""
    environment: dict[str, str] = {}
    for file in files:
        environment |= compose(file, SAID)["services"]["server"]["environment"]
    return environment


@pytest.mark.parametrize("file", FILES)
def test_it_is_a_compose_file(file: str) -> None:
    compose_spec = pytest.importorskip("compose_spec", reason="no pip install compose-spec")
    text = interpolated((DEPLOY / file).read_text(), SAID)
    found = compose_spec.PyOptions(apply_merge=True).from_yaml(text)
    found.validate()
    assert "server" in found.service_names()
    with pytest.raises(ValueError, match="imagee"):  # the reader is strict
        compose_spec.PyOptions(apply_merge=True).from_yaml(text.replace("image:", "imagee:", 1))


@pytest.mark.parametrize("file", FILES)
def test_its_images_have_versions(file: str) -> None:
    images = [each["image"] for each in compose(file, SAID)["services"].values()]
    assert [image_problem(image) for image in images] == [None] * len(images)


def test_the_example_has_every_variable_and_no_other() -> None:
    texts = [(DEPLOY / file).read_text() for file in FILES]
    used = set(re.findall(r"\$\{(\w+)", "\n".join(texts)))
    assert pairs(DEPLOY / "example.env").keys() == used == SAID.keys()


def test_without_passwords_it_does_not_start() -> None:
    with pytest.raises(KeyError, match="LONGTAKE_OBJECTS"):
        compose("compose.yaml", pairs(DEPLOY / "example.env"))


def test_services_secrets_and_volumes_that_are_named_are_there() -> None:
    document = compose("compose.yaml", SAID)
    services = document["services"]
    for service in services.values():
        assert {*service.get("depends_on", ())} <= services.keys()
        assert {*service.get("secrets", ())} <= document["secrets"].keys()
        mounted = {each.partition(":")[0] for each in service.get("volumes", ())}
        assert mounted <= document["volumes"].keys()


def test_the_server_is_given_what_it_reads() -> None:
    document = compose("compose.yaml", SAID)
    environment = server_environment(*FILES)
    secrets = {f"/run/secrets/{name}" for name in document["services"]["server"]["secrets"]}
    named = set(re.findall(r"/run/secrets/[\w-]+", " ".join(environment.values())))
    assert named == secrets
    hosts = set(re.findall(r"[@/]([a-z]+):\d+", " ".join(environment.values())))
    assert hosts == {"database", "objects"} <= document["services"].keys()
    for file in FILES:
        arguments = compose(file, SAID)["services"]["server"]["build"]["args"]
        declared = set(re.findall(r"^ARG (\w+)", (DEPLOY / "Containerfile").read_text(), re.M))
        assert arguments.keys() <= declared


@pytest.mark.parametrize("files", [FILES[:1], FILES], ids=" ".join)
def test_what_it_says_to_the_server_are_settings(files: tuple[str, ...]) -> None:
    environment = server_environment(*files)
    own = {name for name in environment if name.startswith(PREFIX)}
    assert own <= variables_of_settings()
    result = CliRunner().invoke(serve, ["--show-settings"], env=environment)
    assert result.exit_code == 0, result.output
    shown = {line.split()[0]: line for line in result.output.splitlines()}
    for name in own:
        option = name.removeprefix(PREFIX).lower().replace("_", "-")
        assert shown[option].split()[-1] == "environment", shown[option]
    assert "localhost" in shown["allowed-host"].split()  # whom the image's health check asks


def rclone_command(server: RcloneServer) -> list[str]:
    """The words of the service ``objects``, at this server's place."""
    words = compose("compose.yaml", SAID)["services"]["objects"]["command"]
    places = {
        "--addr=:9000": f"--addr=127.0.0.1:{server.port}",
        "--cache-dir=/tmp/cache": f"--cache-dir={server.folder / 'cache'}",
        "/data": str(server.folder / "root"),
    }
    assert {*places} <= {*words}
    return [places.get(word, word) for word in words]


class ObjectsOfCompose(RcloneServer):
    """rclone as the service ``objects`` runs it, with the bucket that ``bucket`` made."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        made = Path(compose("compose.yaml", SAID)["services"]["bucket"]["command"][-1])
        (folder / "root" / made.name).mkdir(parents=True)

    def command(self) -> list[str]:
        return [super().command()[0], *rclone_command(self)]


def here(environment: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """The environment with what is elsewhere here."""
    found = dict(environment)
    for name, value in found.items():
        for there, place in places.items():
            value = value.replace(there, place)
        found[name] = value
    return found


@pytest.fixture
def locked_postgres() -> Iterator[PostgresServer]:
    """One that wants a password."""
    if reason := missing_postgres():
        pytest.skip(reason)
    with TemporaryDirectory() as folder:  # not pytest's, which only its own account may enter
        server = PostgresServer(Path(folder), locked=True)
        with running(server):
            yield server


@pytest.mark.skipif(missing_rclone() is not None, reason=str(missing_rclone()))
def test_the_server_works_with_its_stores_as_they_are_told(
    tmp_path: Path, locked_postgres: PostgresServer
) -> None:
    """All but the containers: its environment, its secrets, the programs of its services."""
    secrets = tmp_path / "secrets"
    for folder in (secrets, tmp_path / "objects"):
        folder.mkdir()
    (secrets / "database-password").write_text(PostgresServer.secret)
    (secrets / "tokens").write_text(f"ann:{hashlib.sha256(b'of ann').hexdigest()}\n")
    objects = ObjectsOfCompose(tmp_path / "objects")
    with running(objects):
        with locked_postgres.client() as client:
            client.execute("CREATE DATABASE longtake")
        environment = here(
            server_environment("compose.yaml"),
            {
                "/run/secrets": str(secrets),
                "database:5432": f"127.0.0.1:{locked_postgres.port}",
                "objects:9000": f"127.0.0.1:{objects.port}",
            },
        )
        environment |= {f"{PREFIX}FOLDER": str(tmp_path / "folder"), f"{PREFIX}PORT": "0"}
        with subprocess.Popen(
            [sys.executable, "-m", "longtake", "serve"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            try:
                assert server.stdout is not None
                _roll(server.stdout.readline().split()[-1])
            finally:
                server.kill()
    kept = [
        path for path in (tmp_path / "objects/root/longtake/blobs").rglob("*") if path.is_file()
    ]
    assert kept


def _roll(address: str) -> None:
    headers = {"Authorization": "Bearer of ann", "Host": "takes.example.com"}
    with httpx.Client(base_url=address, timeout=WAIT, headers=headers) as client:
        eventually(lambda: client.get("/readyz", headers={"Host": "localhost"}).is_success)
        take = client.post("/v1/sessions", json={}).json()["id"]
        asked: dict[str, Any] = {"prompt": "sea", "sampling": TINY}
        assert client.post(f"/v1/sessions/{take}/segments", json=asked).status_code == 202
        eventually(lambda: not client.get(f"/v1/sessions/{take}").json()["open_work"])
        assert client.get(f"/v1/sessions/{take}/take.mp4").is_success
