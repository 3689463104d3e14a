"""Where a process crashed or hangs, from real dumps of ``faulthandler``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from longtake.doctor.faults import place_of_fault, without_faults

HANGS = """
import faulthandler, time
print("one moment", flush=True)
faulthandler.dump_traceback_later(0.1, exit=True)
def wait():
    time.sleep(60)
wait()
"""
CRASHES = """
import ctypes, faulthandler
faulthandler.enable()
print("one moment", flush=True)
def read():
    ctypes.string_at(0)
read()
"""


@pytest.mark.parametrize(("source", "line", "function"), [(HANGS, 6, "wait"), (CRASHES, 6, "read")])
def test_the_innermost_frame_outside_python_is_the_place(
    tmp_path: Path, source: str, line: int, function: str
) -> None:
    (tmp_path / "script.py").write_text(source)
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert place_of_fault(done.stdout) == f"{tmp_path / 'script.py'}:{line} in {function}"
    assert without_faults(done.stdout) == "one moment\n"


@pytest.mark.parametrize("text", ["", "Traceback (most recent call last):\n  File", "Timeout!"])
def test_other_output_has_no_place(text: str) -> None:
    assert place_of_fault(text) is None
    assert without_faults(text) == text
