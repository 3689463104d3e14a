"""``longtake generate --takes``: several takes of one request, and a sheet of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtake.media.reader import read_take
from longtake.requests.seeds import take_seed
from longtake.takes.notes import read_take_record
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.commands.test_generate import assert_same_take, files_in

COMMAND = ("generate", "dawn", "dusk", "-o", "t.mkv", "--num-frames", "6", "--height", "16")


def test_each_take_has_a_seed_of_its_own(longtake: Command) -> None:
    done = longtake(*COMMAND, "--seed", "7", "--takes", "3")
    assert done.code == 0, done.err
    names = [f"t-{number}.mkv" for number in (1, 2, 3)]
    assert files_in() == {*names, "t-takes.png"}
    seeds = [read_take_record(name).seed for name in names]
    assert seeds == [take_seed(7, number) for number in range(3)]
    assert seeds[0] == 7
    takes = [read_take(name) for name in names]
    assert not np.array_equal(takes[0].frames, takes[1].frames)
    assert not np.array_equal(takes[1].frames, takes[2].frames)
    with Image.open("t-takes.png") as sheet:
        assert sheet.height > sheet.width / 2


def test_the_first_is_the_one_take_and_each_can_be_made_again(longtake: Command) -> None:
    longtake(*COMMAND, "--takes", "2")
    longtake(*COMMAND)
    assert_same_take(read_take("t.mkv"), read_take("t-1.mkv"))
    assert longtake("again", "t-2.mkv", "-o", "u.mkv").code == 0
    assert_same_take(read_take("u.mkv"), read_take("t-2.mkv"))


@pytest.mark.parametrize(
    "option", [("--resume",), ("--state", "s.json"), ("--save-state", "s.json")]
)
def test_what_is_for_one_take(longtake: Command, option: tuple[str, ...]) -> None:
    done = longtake(*COMMAND, "--takes", "2", *option)
    assert done.code != 0
    assert f"{option[0]} is for one take" in done.err
    assert files_in() == set()


@pytest.mark.parametrize("name", ["t-2.mkv", "t-takes.png"])
def test_nothing_is_overwritten(longtake: Command, name: str) -> None:
    Path(name).write_bytes(b"kept")
    done = longtake(*COMMAND, "--takes", "2")
    assert done.code != 0
    assert name in done.err
    assert files_in() == {name}
    assert Path(name).read_bytes() == b"kept"


def test_no_take_has_the_seed_of_another(longtake: Command) -> None:
    from longtake.requests.seeds import segment_seed

    seeds = [take_seed(seed, number) for seed in (0, 1) for number in range(50)]
    seeds += [segment_seed(seed, index) for seed in (0, 1) for index in range(1, 50)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**64 for seed in seeds)
