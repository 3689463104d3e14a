"""``longtake sessions`` as a whole: its help, its completion, and how little it imports."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

from longtake.cli.commands.sessions.group import sessions
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.test_group import HEAVY, imported, run_process

NAMES = (
    "roll", "list", "show", "film", "fork", "rewind", "export", "import", "expire", "delete",
    "sweep",
)  # fmt: skip


@pytest.mark.parametrize("argv", [("sessions",), ("sessions", "--help")])
def test_help_names_every_command(longtake: Command, argv: tuple[str, ...]) -> None:
    shown = longtake(*argv)
    assert shown.code == 0
    for name in NAMES:
        assert f"\n  {name} " in shown.out
        assert longtake("sessions", name, "--help").code == 0
    assert "\n  sessions " in longtake("--help").out


def test_help_imports_no_command() -> None:
    modules = imported(run_process("sessions", "--help", show_imports=True).stderr)
    assert "longtake.cli.group" in modules
    assert "longtake.pipeline" not in modules
    assert "longtake.session_stores.protocol" not in modules
    assert not modules.intersection(HEAVY)


def test_a_command_that_is_nearly_right_is_suggested(longtake: Command) -> None:
    assert longtake("sessions", "lst").err == (
        "error: No such command 'lst' (did you mean 'list'?). See 'longtake sessions --help'.\n"
    )


def test_a_shell_completes_the_commands() -> None:
    completed = ShellComplete(sessions, {}, "sessions", "_X").get_completions([], "e")
    assert [each.value for each in completed] == ["export", "expire"]


@pytest.mark.parametrize("argv", [("list",), ("show", "x"), ("delete", "x")])
def test_one_of_several_processes_is_enough(
    longtake: Command, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    told = longtake("sessions", *argv, "--sessions", "sqlite:none.db")
    assert (told.code, told.out, told.err) == (0, "", "")
