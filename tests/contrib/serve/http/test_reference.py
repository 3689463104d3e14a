"""The page about the server names all that there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

pytest.importorskip("longtake_serve")

from longtake_serve.command import serve
from tests.contrib.serve.http.server import served

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "serve.md"


def test_every_setting_is_in_the_reference() -> None:
    options = {
        (param.opts[0], param.envvar)
        for param in serve.params
        if isinstance(param, click.Option) and not param.hidden and param.envvar
    }
    assert set(re.findall(r"^\| `(--[\w-]+)` \| `(\w+)` \|", PAGE.read_text(), re.M)) == options


def test_every_operation_is_in_the_reference(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        paths = server.client.get("/openapi.json").json()["paths"]
    operations = {
        (method.upper(), path, each["summary"])
        for path, methods in paths.items()
        for method, each in methods.items()
    }
    found = re.findall(r"^\| `([A-Z]+) (/\S+)` \| (.+) \|$", PAGE.read_text(), re.M)
    assert set(found) == operations
