"""Several processes make the very take that one makes, with one text encoder among them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import longtake as lt
from longtake.media.reader import read_take
from longtake_ltx2.tiny import Generation
from longtake_ltx2.tiny.lora import write_tiny_lora
from tests.ltx2.parallel_program import SIZE, TAKES, Arrays, steps
from tests.ltx2.ranks import torchrun, without_agent
from tests.ltx2.support import Checkpoints

PROGRAM = ("-m", "tests.ltx2.parallel_program")


def relative_error(expected: Arrays, actual: Arrays) -> float:
    assert expected.keys() == actual.keys()
    assert len(expected) >= 4
    return max(
        float(np.abs(one - actual[name]).max() / np.abs(one).max())
        for name, one in expected.items()
        if name != "encoded"
    )


def state_of(checkpoint: Path, target: Path) -> Path:
    """A state to go on from, in the file ``target``."""
    with lt.load(checkpoint, preset="ltx2_tiny") as pipeline:
        result = pipeline.generate(
            lt.GenerationRequest(
                "a bell",
                sampling=lt.Sampling(**SIZE),
                stage_overrides=steps(2),
                output=lt.Output(return_state=True),
            )
        )
    assert result.state is not None
    target.write_text(result.state.to_json())
    return target


# Guidance multiplies the rounding of its passes, here by up to 16.
@pytest.mark.parametrize(
    ("generation", "name", "ranks", "bound"),
    [("2.0", "plain", 2, 1e-6), ("2.3", "two_stage", 2, 1e-6), ("2.5", "guided", 3, 5e-6)],
)
def test_ranks_give_what_one_process_gives(
    checkpoints: Checkpoints,
    tmp_path: Path,
    generation: Generation,
    name: str,
    ranks: int,
    bound: float,
) -> None:
    checkpoint = shutil.copytree(checkpoints.path(generation), tmp_path / "checkpoint")
    write_tiny_lora(checkpoint / "refine.safetensors", checkpoint)
    state, target = state_of(checkpoint, tmp_path / "state.json"), tmp_path / "latents.npz"
    expected = TAKES[name](checkpoint, lt.ContinuationState.from_json(state.read_bytes()))
    torchrun(ranks, *PROGRAM, name, checkpoint, state, target)
    actual = dict(np.load(target))
    assert relative_error(expected, actual) <= bound
    assert actual["encoded"] == expected["encoded"] > 0
    counts = [int(Path(f"{target}.rank{rank}").read_text()) for rank in range(1, ranks)]
    assert counts == [0] * (ranks - 1)


def test_the_command_writes_one_take(tiny: Path, tmp_path: Path) -> None:
    from tests.ltx2.test_command_line import SMALL, longtake

    one, two = tmp_path / "one.mkv", tmp_path / "two.mkv"
    take = ["generate", "waves", "--model", str(tiny), "--segments", "2", *SMALL]
    alone = longtake(*take, "-o", one)
    together = torchrun(2, "-m", "longtake", *take, "-o", two)
    expected, actual = read_take(one), read_take(two)
    assert expected.frames.shape == actual.frames.shape
    difference = np.abs(expected.frames.astype(int) - actual.frames.astype(int))
    assert difference.max() <= 1  # half a level may be rounded either way
    assert expected.audio is not None
    assert actual.audio is not None
    assert np.allclose(expected.audio, actual.audio, atol=1e-4)
    lines = [
        line.partition(",")[0] for line in alone.stderr.replace(str(one), str(two)).splitlines()
    ]
    said = [line.partition(",")[0] for line in together.stderr.splitlines()]
    assert [line for line in said if line in lines] == lines  # once, by rank 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.mkv", "two.mkv"]


def test_ranks_with_other_options_are_refused(tiny: Path, tmp_path: Path) -> None:
    program = tmp_path / "other_options.py"
    program.write_text(
        "import os, longtake as lt\n"
        "names = ['official', 'diffusers']\n"
        f"lt.load({str(tiny)!r}, numerics=names[int(os.environ['RANK'])])\n"
    )
    with without_agent(2, program) as ranks:
        for process in ranks:
            _, said = process.communicate(timeout=300)
            assert process.returncode == 1
            assert "rank 1 has numerics 'diffusers', rank 0 has 'official'" in said
