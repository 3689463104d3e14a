"""The template of extensions: its preset is LTX-2's with one more stage, and commands use it."""

from __future__ import annotations

import json

import pytest

from tests.sdk.scaffolding.templates.packages import Package, new_package, passed

pytest.importorskip("longtake_ltx2")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return new_package("extension", "my-demo", tmp_path_factory.mktemp("site"))


def test_the_tests_of_a_new_package_pass(package: Package) -> None:
    assert passed(package.pytest()) == 3


def test_commands_know_the_preset_and_whose_it_is(package: Package) -> None:
    listed = json.loads(package.longtake("presets", "ltx2", "--json").out)
    [mine] = [each for each in listed if each["name"] == "my-demo"]
    assert mine["distribution"] == "longtake-my-demo-extension"
    names = [stage["name"] for stage in mine["stages"]]
    assert names[names.index("decode_video") + 1] == "my-demo"
    size = ("--height", "64", "--width", "64", "--num-frames", "17")
    planned = package.longtake("plan", "--preset", "my-demo", *size, "--json")
    assert planned.code == 0, planned.err
    stages = json.loads(planned.out)["segments"][0]["stages"]
    assert {stage["name"]: stage["extension"] for stage in stages}["my-demo"] == (
        "longtake-my-demo-extension"
    )
    done = package.longtake("generate", "one", "--preset", "my-demo", *size, "-o", "my.mkv")
    assert done.code == 0, done.err
    shown = package.longtake("inspect", "my.mkv", "--json")
    assert "longtake-my-demo-extension" in shown.out
