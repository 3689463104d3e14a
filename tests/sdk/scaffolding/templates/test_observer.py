"""The template of observers: it keeps the contract, and the environment sets its options."""

from __future__ import annotations

import json

import pytest

from tests.sdk.scaffolding.templates.packages import Package, new_package, passed


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return new_package("observer", "my-demo", tmp_path_factory.mktemp("site"))


def test_the_tests_of_a_new_package_pass(package: Package) -> None:
    assert passed(package.pytest()) > 15


def test_a_command_is_observed(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    new_package("family", "ball", package.site)
    said = {"my-demo": {"path": str(package.site / "runs.jsonl")}}
    monkeypatch.setenv("LONGTAKE_OBSERVERS", json.dumps(said))
    size = ("--height", "36", "--width", "64")
    done = package.longtake("generate", "one", "--family", "ball", *size)
    assert done.code == 0, done.err
    lines = (package.site / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["done"]


def test_a_file_that_cannot_be_written_is_refused(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_package("family", "light", package.site)
    monkeypatch.setenv("LONGTAKE_OBSERVERS", '{"my-demo": {"path": "nowhere/runs.jsonl"}}')
    done = package.longtake("generate", "one", "--family", "light")
    assert done.code != 0
    assert "LONGTAKE_OBSERVERS.my-demo.path: cannot be written" in done.err
