"""Where log messages and warnings go while a command runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["logs_on_stderr"]

_WARNINGS = logging.getLogger("py.warnings")


class _Format(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {super().format(record)}"


@contextmanager
def logs_on_stderr(*, verbose: bool = False) -> Iterator[None]:
    """Warnings and errors that are logged go to standard error, as plain lines.

    Python warnings, which libraries raise for developers, are kept out. ``verbose`` shows them,
    and everything else that is logged.
    """
    root = logging.getLogger()
    handler = logging.StreamHandler()
    handler.setFormatter(_Format())
    levels = root.level, _WARNINGS.level
    _WARNINGS.setLevel(logging.NOTSET if verbose else logging.ERROR)
    if verbose:
        root.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        logging.captureWarnings(False)
        root.setLevel(levels[0])
        _WARNINGS.setLevel(levels[1])
