"""The page about OpenAI's client does what it says, block by block, against a real server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("longtake_serve")
pytest.importorskip("openai")

import openai

from tests.contrib.serve.http.server import served
from tests.contrib.serve.openai.client import counted

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "openai-videos.md"
ADDRESS = "http://127.0.0.1:8008/v1"


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert len(blocks) == 4
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with served(tmp_path / "stores") as server:
        for block in blocks:
            exec(block.replace(ADDRESS, f"http://127.0.0.1:{server.port}/v1"), names)
        made = [(each.prompt, each.seconds, each.status) for each in names["client"].videos.list()]
        names["client"].close()
    assert capsys.readouterr().out.splitlines() == ["8", "completed"]
    assert [*made[::-1]] == [
        ("a calm sea", "4", "completed"),
        ("a calm sea", "4", "completed"),
        ("the wind rises", "8", "completed"),
        ("a calm sea", "2", "completed"),
    ]
    assert counted((tmp_path / "sea.mp4").read_bytes()) == (120, 512, 288)
    assert (tmp_path / "sea.jpg").read_bytes().startswith(b"\xff\xd8")


def test_the_client_still_needs_what_the_page_says() -> None:
    with (
        openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="x") as client,
        pytest.raises(RuntimeError),
    ):
        client.videos.extend(prompt="sea", seconds="4", video={"id": "take_1"})
