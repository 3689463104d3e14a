"""The template of families: it keeps the contract, and can be looked at and heard."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from longtake.media.reader import read_take
from tests.sdk.scaffolding.templates.packages import (
    BUT_BIG_VALUES,
    Package,
    new_package,
    passed,
    template_in_place,
)

RATE = 48000
MOST_STEP = 0.2 * 2 * np.pi * 440 / RATE
"""From one sample to the next: amplitude and highest pitch of the tone."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return new_package("family", "my-demo", tmp_path_factory.mktemp("site"))


def test_the_template_keeps_the_contract_where_it_lies(tmp_path: Path) -> None:
    template = template_in_place("family", tmp_path)
    assert passed(template.pytest("-c", os.devnull, *BUT_BIG_VALUES)) > 40


def test_the_tests_of_a_new_package_pass(package: Package) -> None:
    assert passed(package.pytest()) > 40


def test_a_new_family_rolls_a_take_without_a_model(package: Package) -> None:
    family = ("--family", "my-demo", "--height", "72", "--width", "128")
    done = package.longtake("generate", *family, "red", "blue", "--segments", "3", "-o", "a.mkv")
    assert done.code == 0, done.err
    assert "random weights" not in done.err
    take = read_take(package.site / "a.mkv")
    assert take.frames.shape == (57 + 2 * 48, 72, 128, 3)
    assert take.audio is not None
    assert take.audio.shape == (1, len(take.frames) * RATE // 24)
    assert np.abs(np.diff(take.audio)).max() <= MOST_STEP  # no click, neither at a seam
    assert take.frames.std() > 10
    steps = np.abs(np.diff(take.frames.astype(int), axis=0)).max(axis=(1, 2, 3))
    assert steps.min() > 0  # something moves in every frame


def test_its_takes_go_on_from_a_state(package: Package) -> None:
    family = ("--family", "my-demo", "--height", "36", "--width", "64", "--seed", "7")
    whole = package.longtake("generate", *family, "one", "two", "-o", "whole.mkv")
    first = package.longtake(
        *("generate", *family, "one", "--save-state", "state.json", "-o", "first.mkv")
    )
    then = package.longtake("generate", "two", "--state", "state.json", "-o", "then.mkv")
    assert (whole.code, first.code, then.code) == (0, 0, 0), then.err
    takes = [read_take(package.site / f"{name}.mkv") for name in ("whole", "first", "then")]
    joined = np.concatenate([takes[1].frames, takes[2].frames])
    np.testing.assert_array_equal(takes[0].frames, joined)
    sounds = [take.audio for take in takes if take.audio is not None]
    np.testing.assert_array_equal(sounds[0], np.concatenate(sounds[1:], axis=1))


def test_its_option_is_refused_out_of_bounds(package: Package) -> None:
    done = package.longtake("generate", "one", "--family", "my-demo", "--set", "swing.period=0")
    assert done.code != 0
    assert "stage_overrides.swing.period: is 0" in done.err
