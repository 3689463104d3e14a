"""The observer keeps Longtake's contract of observers, and writes what it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.testing import ObserverContract


class TestUntitled(ObserverContract):
    @pytest.fixture
    def plugin(self) -> str:
        return "longtake_untitled_observer"

    @pytest.fixture
    def options(self, tmp_path: Path) -> dict[str, Any]:
        return {"path": str(tmp_path / "runs.jsonl")}


def picture() -> lt.Frames:
    import numpy as np

    return lt.Frames(np.zeros((1, 4, 6, 3), np.uint8))


def test_a_run_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    sizes = {"seed": 0, "height": 4, "width": 6, "num_frames": 1, "fps": 24}
    family = lt.ModelFamily("still", (picture,), defaults=sizes)
    registry = lt.Registry.of("longtake_untitled_observer")
    observers = {"untitled": {"path": path}}
    with lt.load(family=family, registry=registry, observers=observers) as pipeline:
        pipeline.generate("dusk")
    (line,) = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert (line["family"], line["outcome"], line["error"]) == ("still", "done", None)
