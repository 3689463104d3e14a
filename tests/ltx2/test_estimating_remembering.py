"""What an estimate worked out is remembered by what it follows from, and by nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake_ltx2.checkpoints.layout import layout_of
from longtake_ltx2.estimating import networks as module
from longtake_ltx2.estimating.networks import Networks, Precision
from longtake_ltx2.estimating.remembering import Remembered
from tests.ltx2.support import Checkpoints


def test_the_values_last_asked_for_are_worked_out_once() -> None:
    worked_out: list[str] = []

    def work_out(key: str) -> Callable[[], str]:
        def work() -> str:
            worked_out.append(key)
            return key.upper()

        return work

    known: Remembered[str] = Remembered(2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert known.of(key, work_out(key)) == key.upper()
    assert worked_out == ["a", "b", "c", "b"]


def test_what_failed_is_tried_again() -> None:
    known: Remembered[int] = Remembered(2)
    with pytest.raises(ZeroDivisionError):
        known.of("a", lambda: 1 // 0)
    assert known.of("a", lambda: 1) == 1


def measured(networks: Networks) -> tuple[Any, ...]:
    video = networks.video_decoder((1, 8, 2, 2, 2))
    return video, networks.weight_bytes("vocoder"), networks.sound_timing


def networks_of(folder: Path, floats: str = "float32") -> Networks:
    names = ("audio_vae", "vae", "vocoder", "transformer")
    return Networks(layout_of(folder, {}), {n: Precision(floats) for n in names})


def test_a_second_estimate_builds_no_network(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the checkpoint lies; one that says something else is measured anew."""
    copy = shutil.copytree(tiny, tmp_path / "copy")
    first = measured(networks_of(tiny))
    with monkeypatch.context() as patch:
        patch.setattr(module, "without_data", lambda *_: pytest.fail("a network was built"))
        assert measured(networks_of(copy)) == first
        longer = networks_of(copy).video_decoder((1, 8, 3, 2, 2))
    assert longer.flops > first[0].flops
    assert measured(networks_of(copy, "bfloat16")) != first
    config = copy / "vocoder" / "config.json"
    said = json.loads(config.read_text())
    config.write_text(json.dumps({**said, "output_sampling_rate": 32000}))
    assert measured(networks_of(copy))[2] != first[2]
    config.unlink()
    with pytest.raises(lt.CheckpointError):
        measured(networks_of(copy))


def test_generations_are_told_apart(checkpoints: Checkpoints) -> None:
    found = [measured(networks_of(checkpoints.path(each))) for each in ("2.0", "2.3")]
    assert found[0] != found[1]
