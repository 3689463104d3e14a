"""One failure for many complaints."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

__all__ = ["fail_for"]

_SHOWN = 12


def fail_for(rule: str, complaints: Iterable[object]) -> None:
    """Fail the test that says ``rule`` when there are complaints; the first of them are shown."""
    found = [str(complaint) for complaint in complaints]
    if found:
        more = f"\n... and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        pytest.fail(f"{rule}\n" + "\n".join(f"- {each}" for each in found[:_SHOWN]) + more)
