"""New processes that find the same modules as this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

__all__ = ["told_by"]

_TIMEOUT_SECONDS = 600


def told_by(module: str, asked: Any) -> Any:
    """What the program ``module`` writes as JSON when it is given ``asked`` as JSON.

    The test fails with what the process wrote when it ends with an error.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    if done.returncode:
        pytest.fail(f"a new process failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])
