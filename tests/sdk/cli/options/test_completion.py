"""What a shell is offered, through click's own interface; and how little that imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete, CompletionItem, ShellComplete

import longtake as lt
from longtake.cli.group import _longtake as group
from longtake.cli.options.completion import preset_names
from tests.sdk.cli.test_group import HEAVY, imported
from tests.sdk.cli.toy_family import Shelf, toy_registry


@pytest.fixture(autouse=True)
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with toy_registry(Shelf()).use():
        yield


def items(*words: str) -> list[CompletionItem]:
    """What is offered for the last of ``words``, which may be empty."""
    *before, incomplete = words
    shell: ShellComplete = BashComplete(group, {}, "longtake", "_LONGTAKE_COMPLETE")
    return shell.get_completions(before, incomplete)


def offered(*words: str) -> list[str]:
    return [item.value for item in items(*words)]


def test_commands_with_what_they_do() -> None:
    found = {item.value: item.help for item in items("")}
    assert {"generate", "plan", "presets"} <= found.keys()
    assert found["presets"] == "List the presets of the families."
    assert offered("pre") == ["presets"]


def test_options_of_the_group_of_a_command_and_of_a_prompt() -> None:
    assert "--verbose" in offered("--v")
    assert offered("generate", "--save") == ["--save-state"]
    assert offered("a tram turns", "--save") == ["--save-state"]


def test_families_and_presets() -> None:
    assert offered("generate", "--family", "") == ["dust", "fog"]
    assert offered("plan", "--preset", "thi") == ["thin", "thick"]
    assert offered("generate", "--family", "fog", "--preset", "thic") == ["thick"]
    assert offered("generate", "--family", "dust", "--preset", "") == []
    assert items("generate", "--preset", "thin")[0].help == "little fog"


def test_blob_stores_by_how_their_urls_begin() -> None:
    assert offered("generate", "--blobs", "") == ["shelf://"]
    with lt.Registry.of("longtake.builtin").use():
        assert offered("inspect", "--blobs", "") == ["file:///", "memory:"]


@pytest.mark.parametrize(
    "command",
    [("generate", "--state"), ("generate", "--save-state"), ("finish", "--state")],
)
def test_states_are_json_files(command: tuple[str, ...]) -> None:
    for name in ("one.json", "other.json", "take.mp4", ".hidden.json"):
        Path(name).touch()
    Path("older").mkdir()
    Path("older/first.json").touch()
    assert offered(*command, "o") == [f"older{os.sep}", "one.json", "other.json"]
    assert offered(*command, "on") == ["one.json"]
    assert offered(*command, "older/") == ["older/first.json"]
    assert offered(*command, ".h") == [".hidden.json"]


def test_takes_are_files_by_their_suffix() -> None:
    for name in ("one.json", "one.mp4", "one.MKV", "one.gif", "one.txt"):
        Path(name).touch()
    assert offered("join", "o") == ["one.MKV", "one.mp4"]
    assert offered("join", "one.mp4", "o") == ["one.MKV", "one.mp4"]
    assert offered("inspect", "o") == ["one.MKV", "one.json", "one.mp4"]


def test_folders_alone_are_left_to_the_shell() -> None:
    Path("older").mkdir()
    [item] = items("inspect", "ol")
    assert (item.type, item.value) == ("dir", "ol")


def test_where_there_is_no_telling_nothing_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> lt.Registry:
        raise RuntimeError("broken")

    assert offered("inspect", "nowhere/") == []
    monkeypatch.setattr(lt.Registry, "default", fail)
    param = click.Option(["--preset"], shell_complete=None)
    assert preset_names(click.Context(group), param, "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    environment = {**os.environ, "_LONGTAKE_COMPLETE": f"{shell}_source"}
    done = subprocess.run(
        [sys.executable, "-c", "from longtake.cli import main; main([])"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if shell == "bash" and "Bash" in done.stderr:
        pytest.skip("there is no bash that click can ask for its version")
    assert done.returncode == 0, done.stderr
    assert "_LONGTAKE_COMPLETE" in done.stdout


SLOW = ("torch", "transformers", "diffusers", "PIL")


@pytest.mark.parametrize(
    ("words", "spared"), [("longtake ", HEAVY), ("longtake generate --preset ", SLOW)]
)
def test_completing_imports_little(words: str, spared: tuple[str, ...]) -> None:
    environment = {
        **os.environ,
        "_LONGTAKE_COMPLETE": "zsh_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split())),
    }
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "longtake"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout
    assert imported(done.stderr).isdisjoint(spared)
