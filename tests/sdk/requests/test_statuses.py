"""The HTTP statuses of errors, and the page that lists them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import longtake as lt
from longtake import errors
from longtake.requests.statuses import HTTP_STATUSES

PAGE = Path(__file__).parents[3] / "docs/reference/errors.md"
ROW = re.compile(r"^\| `(\w+)` \|.*\| (\d{3}) \|$", re.MULTILINE)


class Stale(lt.Conflict):
    """As a program derives one."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (lt.ValidationError("prompt", "is empty"), 422),
        (lt.SignatureError("signed_state", "is not as it was given"), 422),
        (lt.InvalidSessionId("none"), 400),
        (lt.SessionNotFound("gone"), 404),
        (Stale("a", 2, 1), 409),
        (lt.SessionStoreFull("full"), 507),
        (lt.DispatcherClosed("closed"), 503),
        (lt.BlobNotFound("gone"), 500),
        (RuntimeError("a bug"), 500),
        (KeyboardInterrupt(), 500),
    ],
)
def test_an_error_has_the_status_of_the_nearest_class(error: BaseException, status: int) -> None:
    assert lt.http_status(error) == status


def test_the_page_of_errors_says_the_status_of_each() -> None:
    listed = {name: int(status) for name, status in ROW.findall(PAGE.read_text())}
    assert len(listed) > 20
    kinds = {name: errors.__dict__[name] for name in listed}
    statuses = {
        name: next((HTTP_STATUSES[each] for each in kind.__mro__ if each in HTTP_STATUSES), 500)
        for name, kind in kinds.items()
    }
    assert listed == statuses
