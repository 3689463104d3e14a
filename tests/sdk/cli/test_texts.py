"""Arguments with bytes that are not UTF-8: exit code 2, before a model is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.cli.cli_support import Command

BROKEN = "caf\udce9"
"""What Python makes of the Latin-1 bytes of a word."""


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ([BROKEN], "prompt"),
        (["one", BROKEN], "prompt 2"),
        (["one", "--negative-prompt", BROKEN], "negative_prompt"),
        (["one", "--set", f"draw.colour={BROKEN}"], "stage_overrides.draw.colour"),
        (["one", "--set", f'draw.colour="{BROKEN}"'], "stage_overrides.draw.colour"),
        (["one", "--set", 'draw.colour="\\ud800"'], "stage_overrides.draw.colour"),
        (["one", "--set", f"draw.{BROKEN}=1"], "stage_overrides.draw"),
        (["one", "--blobs", f"file:///tmp/{BROKEN}"], "blobs"),
    ],
)
def test_text_that_is_not_utf8(
    longtake: Command, tmp_path: Path, arguments: list[str], path: str
) -> None:
    done = longtake("generate", *arguments, "--model", str(tmp_path / "no-such-model"))
    assert done.code == 2
    assert done.err.startswith(f"error: {path}"), done.err
    assert "write it in UTF-8" in done.err
    assert "no-such-model" not in done.err
    assert not Path("take.mp4").exists()


def test_a_state_with_text_that_is_no_unicode(longtake: Command) -> None:
    Path("state.json").write_text('{"kind":"pendulum.v1","payload":{},"\\ud800":1}')
    for command in (["inspect", "state.json"], ["generate", "one", "--state", "state.json"]):
        done = longtake(*command)
        assert done.code == 2
        assert "state.json" in done.err and "write it in UTF-8" in done.err
