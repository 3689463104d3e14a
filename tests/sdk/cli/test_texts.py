"""Arguments with bytes that are not UTF-8: exit code 2, before a model is looked for."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.heavy_plugins import WITHOUT_LTX2
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


NAMES = {
    "no Unicode text": BROKEN,
    "of 256 bytes": "a" * 256,
    "longer than any path": "a" * 5000,
}
COMMANDS: dict[str, list[str]] = {
    "generate -o": ["generate", "one", "-o", "{}.mp4"],
    "generate --save-state": ["generate", "one", "--save-state", "{}"],
    "generate --state": ["generate", "one", "--state", "{}"],
    "generate --model": ["generate", "one", "--model", "{}"],
    "generate --family": ["generate", "one", "--family", "{}"],
    "generate --preset": ["generate", "one", "--preset", "{}"],
    "generate --preset-override": ["generate", "one", "--preset-override", "{}.a=1"],
    "generate --image": ["generate", "one", "--image", "{}"],
    "generate --audio": ["generate", "one", "--audio", "{}@1"],
    "generate --state-kind": ["generate", "one", "--state-kind", "{}"],
    "generate --height": ["generate", "one", "--height", "{}"],
    "generate --set": ["generate", "one", "--set", "{}"],
    "generate --set name": ["generate", "one", "--set", "{}.a=1"],
    "generate --set value": ["generate", "one", "--set", "sampling.seed={}"],
    "generate --blobs": ["generate", "one", "--blobs", "{}"],
    "generate --{}": ["generate", "one", "--{}"],
    "finish --state": ["finish", "--state", "{}"],
    "finish -o": ["finish", "--state", "x", "-o", "{}.mp4"],
    "plan --model": ["plan", "one", "--model", "{}"],
    "inspect": ["inspect", "{}"],
    "presets": ["presets", "{}"],
    "new family": ["new", "family", "{}"],
    "new blob-store": ["new", "blob-store", "{}"],
    "new session-store": ["new", "session-store", "{}"],
    "sessions": ["sessions", "{}"],
    "sessions roll": ["sessions", "roll", "{}", "one", "--sessions", "sqlite:none.db"],
    "sessions roll --sessions": ["sessions", "roll", "x", "one", "--sessions", "{}"],
    "sessions show": ["sessions", "show", "{}", "--sessions", "sqlite:none.db"],
    "sessions show --sessions": ["sessions", "show", "x", "--sessions", "sqlite:{}"],
    "sessions list --label": ["sessions", "list", "--label", "{}", "--sessions", "sqlite:none.db"],
    "sessions expire": ["sessions", "expire", "x", "{}", "--sessions", "sqlite:none.db"],
    "doctor --blobs": ["doctor", "--blobs", "{}"],
    "{}": ["{}"],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_that_cannot_be_is_refused_before_any_work(
    longtake: Command, command: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in WITHOUT_LTX2.items():
        monkeypatch.setenv(variable, value)
    done = longtake(*(part.replace("{}", NAMES[name]) for part in COMMANDS[command]))
    assert done.code == (1 if command == "doctor --blobs" else 2), done.err  # a report, not work
    assert "Traceback" not in done.err
    assert "longtake --verbose shows where" not in done.err
    assert done.err.count("a" * 100) <= 2 and len(done.err) < 1500, done.err
    done.err.encode()
    assert list(Path().iterdir()) == []


LONG = {
    "words": "long " * 2000,
    "one word": "x" * 10_000,
    "a list": f"[{'7, ' * 10_000}7]",
    "an object": "{" + '"key": 7, ' * 10_000 + '"key": 7}',
    "a number": "7" * 4000,
}


@pytest.mark.parametrize("value", LONG)
@pytest.mark.parametrize(
    "path",
    [
        "sampling.seed",
        "sampling.fps",
        "sampling.guidance_scale",
        "sampling",
        "output.last_",
        "output.video",
        "output.state_kind",
        "negative_prompt",
        "stage_overrides",
        "draw.colour",
        "draw.nothing",
        "nowhere.steps",
        "denoise.steps",
    ],
)
def test_a_message_quotes_a_little_of_what_is_wrong(
    longtake: Command, path: str, value: str
) -> None:
    done = longtake("generate", "one", "--set", f"{path}={LONG[value]}", "--model", "none")
    assert done.code == 2
    assert len(done.err) < 800, done.err
    assert max(done.err.count(text) for text in ("long ", "7, ", '"key"')) <= 67
    assert "x" * 200 not in done.err and "7" * 200 not in done.err


def test_an_empty_prompt_is_taken_on_purpose_alone(longtake: Command) -> None:
    for prompts in ([""], [" \n"], ["one", ""]):
        done = longtake("generate", *prompts, "-o", "x.mp4")
        assert done.code == 2
        assert "error: prompt: is empty; say what is to be seen and heard" in done.err
        assert not Path("x.mp4").exists()
    done = longtake("generate", "", "--allow-empty-prompt", "--family", "fog", "-o", "x.mp4")
    assert "is empty" not in done.err


def test_what_an_encoding_has_not_is_escaped(
    longtake: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="latin-1", write_through=True)
    monkeypatch.setattr(sys, "stderr", stream)
    assert longtake("generate", "one", "--family", "\u20ac\udce9").code == 2
    assert b"'\\u20ac\\udce9'" in written.getvalue()
