"""The template of session stores: it keeps the contract, and commands can use it."""

from __future__ import annotations

import pytest

from tests.heavy_plugins import WITHOUT_LTX2
from tests.sdk.scaffolding.templates.packages import Package, new_package, passed


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return new_package("session_store", "my-demo", tmp_path_factory.mktemp("site"))


def test_the_tests_of_a_new_package_pass(package: Package) -> None:
    assert passed(package.pytest()) > 60


def test_commands_open_the_store(package: Package) -> None:
    new_package("family", "ball", package.site)
    url = f"my-demo://{package.site}/a%20file.db"
    examined = package.longtake("doctor", "--sessions", url, **WITHOUT_LTX2)
    assert examined.code == 0, examined.err
    for prompt in ("dusk", "dawn"):
        rolled = package.longtake(
            "sessions", "roll", "tram", prompt, "--family", "ball", "--num-frames", "17",
            "--sessions", url, "--blobs", f"file://{package.site}/blobs",
        )  # fmt: skip
        assert rolled.code == 0, rolled.err
    assert (package.site / "a file.db").exists()
    shown = package.longtake("sessions", "list", "--sessions", url)
    assert (shown.code, "tram" in shown.out) == (0, True)
