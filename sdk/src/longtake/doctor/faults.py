"""Where a process crashed or hangs, read from what Python's ``faulthandler`` printed."""

from __future__ import annotations

import re
import sysconfig
from pathlib import PurePath

__all__ = ["place_of_fault", "without_faults"]

_FAULT = re.compile(r"^(?:Fatal Python error: |Timeout \(\d+:\d+:\d+)", re.MULTILINE)
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>.+)$', re.MULTILINE)


def place_of_fault(printed: str) -> str | None:
    """``"file:line in function"``: the innermost frame that is not Python's own library."""
    faults = list(_FAULT.finditer(printed))
    if not faults:
        return None
    frames = list(_FRAME.finditer(printed, faults[-1].start()))
    frame = next((each for each in frames if not _is_python(each["file"])), None)
    return None if frame is None else f"{frame['file']}:{frame['line']} in {frame['name']}"


def without_faults(printed: str) -> str:
    """What the process itself printed, before it crashed."""
    fault = _FAULT.search(printed)
    return printed[: fault.start()] if fault else printed


def _is_python(file: str) -> bool:
    if file.startswith("<"):
        return True
    path, library = PurePath(file), PurePath(sysconfig.get_path("stdlib"))
    return path.is_relative_to(library) and "site-packages" not in path.parts
