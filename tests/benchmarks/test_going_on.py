"""What going on adds is told beside each network's time, also where a plain run has none of it."""

from __future__ import annotations

from pathlib import Path

import longtake as lt
from benchmarks import going_on
from longtake_ltx2.tiny import TINY, write_tiny_checkpoint


def test_every_network_has_a_figure(tmp_path: Path) -> None:
    path = tmp_path / "2.0"
    write_tiny_checkpoint(path, generation="2.0", size=TINY)
    with lt.load(path, dtype="float32", device="cpu") as pipeline:
        figures = {each.name: each for each in going_on.compared("2.0", pipeline, runs=2, steps=2)}
    added = figures.pop("2.0, added by going on")
    assert added.unit == "%" and added.goal is not None and added.goal.limit == 1
    assert set(figures) == {f"2.0, {name}" for name in going_on.NETWORKS}
    encodes = figures.pop("2.0, VAE's encoder")  # a plain run encodes no picture
    assert encodes.unit == "ms" and encodes.value > 0
    assert all(each.unit == "times" and each.value > 0 for each in figures.values())
