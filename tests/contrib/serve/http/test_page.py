"""The files of the page: which there are, how long they are kept, and what they may load."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("longtake_serve")

import longtake_serve
from longtake_serve.http.access import TokenFile
from tests.contrib.serve.http.server import served

PACKAGE = Path(__file__).parents[4] / "contrib" / "serve"
FOLDER = Path(longtake_serve.__file__).parent / "page"
SENT = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a server that wants tokens; it has none."""
    folder = tmp_path_factory.mktemp("serve")
    tokens = folder / "tokens"
    tokens.write_text(f"ann:{'0' * 64}\n")
    with served(folder, authenticator=TokenFile(tokens)) as found:
        yield found.client


def test_every_file_is_sent_to_everybody_and_kept_until_it_changes(client: httpx.Client) -> None:
    paths = [path for path in FOLDER.rglob("*") if path.suffix in SENT]
    assert FOLDER / "player.js" in paths
    for path in paths:
        url = f"/page/{path.relative_to(FOLDER).as_posix()}"
        answer = client.get(url)
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"].partition(";")[0] == SENT[path.suffix]
        assert answer.headers["cache-control"] == "no-cache"
        again = client.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = client.get(url, headers={"If-None-Match": '"other"'})
        assert other.status_code == 200


def test_nothing_is_loaded_from_elsewhere_and_no_script_stands_in_a_document(
    client: httpx.Client,
) -> None:
    policy = client.get("/page/player.js").headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert {"script-src", "style-src", "connect-src"} <= rules.keys()
    for sources in rules.values():
        assert set(sources.split()) <= {"'none'", "'self'", "blob:", "data:"}
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert "script-src" not in client.get("/healthz").headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    ["vendor/LICENSE", "vendor/README.md", "../app.py", "..%2fapp.py", "vendor", "", "x.js"],
)
def test_other_files_are_not_sent(client: httpx.Client, path: str) -> None:
    assert client.get(f"/page/{path}").status_code == 404


def test_hls_js_is_as_its_makers_published_it_and_comes_with_its_licence() -> None:
    readme = (FOLDER / "vendor" / "README.md").read_text()
    (digest,) = re.findall(r"[0-9a-f]{64}", readme)
    data = (FOLDER / "vendor" / "hls.light.min.mjs").read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest
    (version,) = re.findall(r"hls\.js (\d+\.\d+\.\d+)", readme)
    assert f'"{version}"'.encode() in data
    assert "Dailymotion" in (FOLDER / "vendor" / "LICENSE").read_text()
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert "src/longtake_serve/page/vendor/LICENSE" in project["license-files"]
