"""The command as a whole: its own options, its exit codes, and how little it imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import longtake as lt
from longtake.cli import group, main
from tests.sdk.cli.cli_support import Command

HEAVY = ("numpy", "torch", "PIL", "av", "tqdm", "cattrs", "transformers", "diffusers")


def run_process(*argv: str, show_imports: bool = False) -> subprocess.CompletedProcess[str]:
    flags = ["-X", "importtime"] if show_imports else []
    command = [sys.executable, *flags, "-m", "longtake", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def imported(stderr: str) -> set[str]:
    return {line.rpartition("|")[2].strip() for line in stderr.splitlines() if "|" in line}


@pytest.mark.parametrize("argv", [("families",), ("presets",), ("plugins",), ("--help",)])
def test_nothing_heavy_is_imported(argv: tuple[str, ...]) -> None:
    done = run_process(*argv, show_imports=True)
    assert done.returncode == 0
    modules = imported(done.stderr)
    assert "longtake.cli.terminal.tables" in modules or "longtake.cli.group" in modules
    assert not modules.intersection(HEAVY)


def test_help_imports_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run_process("--help")  # which asks the plugins once what they add
    modules = imported(run_process("--help", show_imports=True).stderr)
    assert "longtake.plugins.registry" not in modules
    assert "longtake.cli.group" in modules
    assert "longtake.cli.commands.listings" not in modules


def test_json_is_all_there_is_on_standard_output() -> None:
    done = run_process("plugins", "--json")
    assert done.returncode == 0
    assert "longtake" in {record["distribution"] for record in json.loads(done.stdout)}


def test_version(longtake: Command) -> None:
    assert longtake("--version").out == f"longtake {lt.__version__}\n"


@pytest.mark.parametrize("argv", [(), ("--help",)])
def test_help_names_every_command(longtake: Command, argv: tuple[str, ...]) -> None:
    shown = longtake(*argv)
    assert shown.code == 0
    for name in ("generate", "finish", "inspect", "families", "presets", "plugins"):
        assert f"\n  {name} " in shown.out
        assert longtake(name, "--help").code == 0


def test_help_lists_the_commands_by_what_they_are_for(longtake: Command) -> None:
    shown = longtake("--help").out
    places = [
        shown.index(text)
        for text in (
            "Make takes:",
            "  generate ",
            "What is installed:",
            "  presets ",
            "First steps:",
        )
    ]
    assert places == sorted(places)
    assert "\nElse:" not in shown


def test_a_command_that_is_nearly_right_is_suggested(longtake: Command) -> None:
    assert longtake("generte", "a tram turns").err == (
        "error: No such command 'generte' (did you mean 'generate'?). See 'longtake --help'.\n"
    )


def test_an_interruption_before_anything_is_there_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(argv: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(group, "run", interrupt)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("argv", [("families",), ("generate", "a"), ("a tram turns",)])
def test_a_broken_environment_is_told_in_one_line(
    longtake: Command, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    monkeypatch.setenv("RANK", "first")
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused = longtake(*argv)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert refused.err.startswith("error: RANK: is 'first'")


def test_an_unknown_command_is_wrong_use(longtake: Command) -> None:
    refused = longtake("direct")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error: No such command 'direct'; as a prompt: longtake generate direct. "
        "See 'longtake --help'.\n"
    )


def test_an_unexpected_error_is_one_line(
    longtake: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("nobody\nexpected this")

    monkeypatch.setattr(lt.Registry, "default", fail)
    failed = longtake("families")
    assert (failed.code, failed.out, failed.err.count("\n")) == (1, "", 1)
    assert failed.err.startswith("error: ZeroDivisionError: nobody expected this")


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")


@pytest.mark.usefixtures("second_of_two")
def test_what_one_process_can_tell_the_others_do_not(longtake: Command) -> None:
    told = longtake("families")
    assert (told.code, told.out, told.err) == (0, "", "")


@pytest.mark.usefixtures("second_of_two")
def test_an_error_says_which_process_it_is_of(longtake: Command) -> None:
    refused = longtake("generate")
    assert refused.code == 2
    assert refused.err.startswith("error on rank 1: Missing argument")


@pytest.mark.usefixtures("second_of_two")
def test_a_family_that_shares_nothing_runs_in_one_process(
    longtake: Command, tmp_path: Path
) -> None:
    refused = longtake("generate", "a", "--family", "fog", "-o", "take.mkv")
    assert refused.code == 2
    assert "family 'fog' runs in one process, not in 2." in refused.err
    assert "note:" not in refused.err
    assert list(tmp_path.iterdir()) == []
