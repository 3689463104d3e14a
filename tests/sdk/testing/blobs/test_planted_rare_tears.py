"""A tear that comes once in a while is found by a longer session, and by no shorter one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.testing.planted import failures

FILE = "blobs/planted_rare_tears.py"
LONG = ("--longtake-kills", "50")
KILLS = ("-k", "kill")


@pytest.mark.parametrize(
    ("options", "found"),
    [((), set()), (LONG, {"test_a_kill_tears_no_blob"})],
    ids=["short", "long"],
)
def test_only_a_longer_session_finds_a_rare_tear(
    tmp_path: Path, options: tuple[str, ...], found: set[str]
) -> None:
    assert failures(FILE, tmp_path, *KILLS, *options)["TestTornOnceInAWhile"] == found
