"""Heavy packages are named by what this process has imported."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

import longtake as lt


def test_what_was_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    assert "torch" in lt.heavy_modules()
    assert "pandas" not in lt.heavy_modules()
    assert "json" not in lt.heavy_modules()
