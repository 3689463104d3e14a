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
    and everything that Longtake and the packages of plugins log; libraries' details are left out.
    """
    root = logging.getLogger()
    handler = logging.StreamHandler()
    handler.setFormatter(_Format())
    levels = {_WARNINGS: _WARNINGS.level}
    _WARNINGS.setLevel(logging.NOTSET if verbose else logging.ERROR)
    for name in _packages() if verbose else ():
        logger = logging.getLogger(name)
        levels[logger] = logger.level
        logger.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        logging.captureWarnings(False)
        for logger, level in levels.items():
            logger.setLevel(level)


def _packages() -> set[str]:
    """Longtake's and those of the plugins, from their metadata alone: none is imported."""
    from importlib.metadata import entry_points  # late: for who asks for all

    found = {point.module.partition(".")[0] for point in entry_points(group="longtake")}
    return found | {"longtake"}
