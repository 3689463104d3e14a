from __future__ import annotations

from pathlib import Path

import pytest

import longtake as lt
from longtake.cli import main
from tests.sdk.cli.cli_support import Command, Outcome
from tests.sdk.cli.toy_family import Shelf, toy_registry, write_example


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def longtake(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    shelf: Shelf,
) -> Command:
    """Runs a command line, in an empty folder, where the toy families are all that is installed."""
    registry = toy_registry(shelf)
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> Outcome:
        capsys.readouterr()
        code = main(argv)
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a checkpoint of the family ``fog``."""
    return str(write_example(tmp_path_factory.mktemp("models") / "fog"))
