"""Runs contracts over things that are broken on purpose, and says which tests failed."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[3]


@cache
def failures(file: str, folder: Path, *asked: str) -> dict[str, set[str]]:
    """The tests that failed, by the class that they are of; every class is there.

    ``file``: its path in this folder. ``asked``: more options of pytest.
    """
    name = file.rpartition("/")[2]
    report = folder / f"{name}.xml"
    options = ["-q", "-p", "no:cacheprovider", "--tb=short", "--record-states"]
    options += [f"--basetemp={folder / name}.tmp", f"--junitxml={report}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *asked, str(HERE / file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[str, set[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        failed = found.setdefault(case.attrib["classname"].rpartition(".")[2], set())
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(case.attrib["name"])
    return found
