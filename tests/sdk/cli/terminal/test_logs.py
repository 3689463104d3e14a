"""Logged warnings are plain lines on standard error; the rest is for who asks."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest

from longtake.cli.terminal.logs import logs_on_stderr
from longtake.testing import FakeDistributions

logger = logging.getLogger("longtake.of_this_test")


def say_everything() -> None:
    logger.debug("a detail")
    logger.warning("a %s", "warning")
    logger.error("an error")
    warnings.warn("for developers", DeprecationWarning, stacklevel=1)


@pytest.mark.filterwarnings("always")
def test_warnings_and_errors_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with logs_on_stderr():
        say_everything()
    assert capsys.readouterr().err == "warning: a warning\nerror: an error\n"


@pytest.mark.filterwarnings("always")
def test_verbose_shows_the_rest_too(capsys: pytest.CaptureFixture[str]) -> None:
    with logs_on_stderr(verbose=True):
        say_everything()
    shown = capsys.readouterr().err
    assert "debug: a detail\n" in shown
    assert "for developers" in shown


def test_verbose_shows_plugins_details_and_no_librarys(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeDistributions(tmp_path).add("clouds", None, entry_points={"clouds": "clouds.plugin"})
    monkeypatch.syspath_prepend(tmp_path)
    with logs_on_stderr(verbose=True):
        for name in ("PIL.Image", "urllib3", "botocore.hooks", "asyncio", "cloudscape"):
            logging.getLogger(name).debug("a library's detail")
            logging.getLogger(name).warning("of %s", name)
        logging.getLogger("clouds.stages").debug("a plugin's detail")
    shown = capsys.readouterr().err
    assert "library's detail" not in shown
    assert shown.count("warning: of ") == 5
    assert "debug: a plugin's detail\n" in shown
    assert logging.getLogger("clouds").level == logging.NOTSET


def test_afterwards_all_is_as_before() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("py.warnings").level)
    with pytest.raises(KeyError), logs_on_stderr(verbose=True):
        raise KeyError
    assert (root.level, list(root.handlers), logging.getLogger("py.warnings").level) == before
