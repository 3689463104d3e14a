"""Somebody who follows a page from top to bottom, in a folder of their own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from longtake.cli import main
from tests.heavy_plugins import WITHOUT_LTX2
from tests.snippets.blocks import Block, commands_of
from tests.snippets.exceptions import (
    BEFORE,
    ELSEWHERE,
    NOT_HERE,
    PRELUDES,
    REFUSED,
    SUBSTITUTIONS,
    fewer_plugins,
)

__all__ = ["Reader", "is_elsewhere", "reason_not_here", "substituted"]

_SETTING = re.compile(r"\w+=\S*")


class Reader:
    """Runs blocks in turn: commands and Python in this process, what a page installs in another.

    ``folder`` is the current one. ``tiny``: the checkpoint that a page calls ``DIR``.
    """

    def __init__(self, folder: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._tiny, self._monkeypatch = folder, tiny, monkeypatch
        self._names: dict[str, Any] = {"__name__": "snippet"}
        self._has_prelude = False
        self._site: Path | None = None

    def follow(self, block: Block) -> None:
        if is_elsewhere(block):
            return
        if block.kind in ("", "sh"):
            for command in commands_of(block):
                self._type(command, block)
        elif block.kind == "python":
            self._run_python(block)
        elif block.kind == "toml":
            tomllib.loads(block.text)
        elif block.kind == "json":
            whole = block.text.startswith("{")  # else fields of an object
            json.loads(block.text if whole else "{" + block.text + "}")
        else:
            pytest.fail(f"{block.place}: nobody knows how to run {block.kind!r}")

    def _run_python(self, block: Block) -> None:
        if not self._has_prelude:
            self._has_prelude = True
            exec("\n".join(PRELUDES.get(block.name, ())), self._names)
        text = substituted(block.text, self._tiny, self._folder)
        # As at the top of a file that has it: annotations may name what comes later.
        code = compile("from __future__ import annotations\n" + text, block.place, "exec")
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, self._names)

    def _type(self, command: str, block: Block) -> None:
        if command.startswith("pip install -e") and Path("pyproject.toml").exists():
            self._install_here()
        elif reason_not_here(command) is None:
            asked = substituted(command, self._tiny, self._folder)
            words = [
                word.replace("$PWD", os.getcwd()) for word in shlex.split(asked, comments=True)
            ]
            if fewer_plugins(command, block.name):
                words = [f"LONGTAKE_BLOCK={WITHOUT_LTX2['LONGTAKE_BLOCK']}", *words]
            for part, typed in BEFORE.items():
                if part in command:
                    assert self._run(shlex.split(typed))[0] == 0
            code, said = self._run(words)
            wanted = 2 if any(part in command for part in REFUSED) else 0
            assert code == wanted, f"{block.place}: {shlex.join(words)}\n{said}"

    def _run(self, words: list[str]) -> tuple[int, str]:
        """The exit code of a command, and what it printed."""
        settings = list(takewhile(_SETTING.fullmatch, words))
        program, *arguments = words[len(settings) :]
        if program == "cd":
            self._monkeypatch.chdir(arguments[0])
            return 0, ""
        if program == "longtake" and not settings and self._site is None:
            if (
                "--resume" in arguments and "--state" not in arguments
            ):  # killed before its first segment: nothing is there yet
                Path(arguments[arguments.index("-o") + 1]).unlink(missing_ok=True)
            with _printed() as printed:
                return main(arguments), printed.getvalue()
        if program == "longtake":
            return self._run_alone(arguments, settings)
        assert program == "python", f"{program} is neither run nor in the table of what is not"
        with _printed() as printed, self._monkeypatch.context() as patch:
            patch.setattr(sys, "argv", arguments[1:])
            try:
                runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
            except SystemExit as ended:
                return int(ended.code or 0), printed.getvalue()
        return 0, printed.getvalue()

    def _run_alone(self, arguments: list[str], settings: list[str]) -> tuple[int, str]:
        """In a process of its own, which has what the page set and installed."""
        environment = {**os.environ, **dict(setting.split("=", 1) for setting in settings)}
        if self._site is not None:
            paths = [str(self._site), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        done = subprocess.run(
            [sys.executable, "-m", "longtake", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _install_here(self) -> None:
        """The package in the current folder, as ``pip install -e .`` makes it importable."""
        project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
        self._site = Path("src").resolve()
        record = self._site / f"{project['name'].replace('-', '_')}-0.1.0.dist-info"
        record.mkdir()
        head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n"
        (record / "METADATA").write_text(head)
        groups = [
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
            for group, entries in project["entry-points"].items()
        ]
        (record / "entry_points.txt").write_text("".join(groups))


def substituted(text: str, tiny: Path, folder: Path) -> str:
    for shown, run in SUBSTITUTIONS.items():
        text = text.replace(shown, run.format(tiny=tiny, folder=folder))
    return text


def reason_not_here(command: str) -> str | None:
    """Why a command is not run; None for one that is."""
    return next((why for start, why in NOT_HERE.items() if command.startswith(start)), None)


def is_elsewhere(block: Block) -> bool:
    return any(
        block.name == document and block.text.startswith(start) for document, start in ELSEWHERE
    )


@contextlib.contextmanager
def _printed() -> Iterator[io.StringIO]:
    into = io.StringIO()
    with contextlib.redirect_stdout(into), contextlib.redirect_stderr(into):
        yield into
