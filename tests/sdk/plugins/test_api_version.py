"""Which requirements of a plugin this SDK meets, and which of them are none."""

from __future__ import annotations

import pytest

import longtake as lt
from longtake.plugins.api_version import API_VERSION, check_api_version

MAJOR, MINOR = API_VERSION
MET = [
    f">={MAJOR}",
    f">={MAJOR},<{MAJOR + 1}",
    f">={MAJOR}.{MINOR},<{MAJOR + 1}",
    f">= {MAJOR} , < {MAJOR + 1} ",
    f"=={MAJOR}.{MINOR}",
    f"=={MAJOR}.{MINOR}.0",
    f"<={MAJOR}.{MINOR}",
    f">{MAJOR - 1}",
    f">{MAJOR - 1}.999",
    f"!={MAJOR}.{MINOR + 1}",
    f"<{MAJOR}.{MINOR + 10}",
]
MISSED = [
    f">={MAJOR + 1}",
    f">={MAJOR},<{MAJOR}.{MINOR}",
    f"<{MAJOR}",
    f"<{MAJOR}.{MINOR}.0",
    f">{MAJOR}.{MINOR}.0",
    f"=={MAJOR}.{MINOR + 1}",
    f"!={MAJOR}.{MINOR}.0",
    f">={MAJOR}.{MINOR + 10}",
    f"<={MAJOR - 1}.999",
]
MALFORMED: list[object] = [
    "",
    ",",
    "1",
    "1.0",
    "~=1.0",
    "=1",
    ">=1,",
    ">=1.x",
    ">=1.",
    ">=v1",
    ">=-1",
    ">=1;<2",
    1,
    (1, 0),
    None,
    b">=1",
]


@pytest.mark.parametrize("required", MET)
def test_a_requirement_that_is_met(required: str) -> None:
    check_api_version(required)


@pytest.mark.parametrize("required", MISSED)
def test_one_that_is_missed_says_what_is_offered(required: str) -> None:
    with pytest.raises(lt.PluginError) as refused:
        check_api_version(required)
    assert f"{required!r}, this Longtake offers {MAJOR}.{MINOR}; install" in str(refused.value)


@pytest.mark.parametrize("required", MALFORMED, ids=repr)
def test_one_that_is_malformed_is_refused_with_an_example(required: object) -> None:
    with pytest.raises(lt.PluginError, match=r"must be like '>=1,<2'") as refused:
        check_api_version(required)
    assert f"LONGTAKE_API is {required!r};" in str(refused.value)


def test_the_example_in_that_message_is_met() -> None:
    check_api_version(">=1,<2")
