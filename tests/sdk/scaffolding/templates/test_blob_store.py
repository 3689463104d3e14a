"""The template of blob stores: it keeps the contract, and commands can use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.media.reader import read_take
from tests.heavy_plugins import WITHOUT_LTX2
from tests.sdk.scaffolding.templates.packages import (
    BUT_BIG_VALUES,
    Package,
    new_package,
    passed,
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return new_package("blob_store", "my-demo", tmp_path_factory.mktemp("site"))


def test_the_tests_of_a_new_package_pass(package: Package) -> None:
    assert passed(package.pytest()) > 100


def test_packages_are_tested_in_one_run(tmp_path: Path) -> None:
    made = (("blob_store", "my-demo"), ("family", "my-demo"), ("family", "other"))
    packages = [new_package(template, name, tmp_path) for template, name in made]  # type: ignore[arg-type]
    folders = [str(package.folder / "tests") for package in packages]
    common = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    found = packages[0].python(*common, "--collect-only", *folders)
    assert found.code == 0, found.out
    for name in ("my_demo_blobs", "my_demo", "other"):
        assert f"test_longtake_{name}.py" in found.out
    assert passed(packages[0].python(*common, *BUT_BIG_VALUES, *folders[1:])) > 80


def test_commands_open_the_store(package: Package) -> None:
    new_package("family", "ball", package.site)
    url = f"my-demo://{package.site}/a%20file.db"
    done = package.longtake("doctor", "--blobs", url, **WITHOUT_LTX2)
    assert done.code == 0, done.out
    assert (package.site / "a file.db").exists()
    size = ("--height", "36", "--width", "64")
    done = package.longtake("generate", "one", "--family", "ball", *size, "--blobs", url)
    assert done.code == 0, done.err
    assert len(read_take(package.site / "take.mp4").frames) == 57


@pytest.mark.parametrize(
    "url", ["my-demo:", "my-demo:a.db", "my-demo://host/a.db", "my-demo:///a.db?x=1", "my-demo://"]
)
def test_a_url_that_names_no_file_is_refused(package: Package, url: str) -> None:
    done = package.longtake("generate", "one", "--blobs", url)
    assert done.code != 0
    assert "a my-demo store is 'my-demo:///absolute/path'" in done.err
