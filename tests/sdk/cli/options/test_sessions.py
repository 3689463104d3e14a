"""Which stores a command opens: those that last, and the blobs that belong to them."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from longtake.cli.options.sessions import seconds_of
from tests.sdk.cli.commands.sessions.conftest import takes
from tests.sdk.cli.commands.sessions.takes import Takes

__all__ = ["takes"]


def test_a_file_of_sessions_has_its_blobs_beside_it(takes: Takes) -> None:
    takes.flow("tram", "one")
    assert Path("takes.db.blobs").is_dir()
    Path("other").mkdir()
    there = f"file://{Path('other').absolute()}"
    takes.flow("rain", "one", "--blobs", there)
    assert takes.done("film", "rain", "rain.mkv", "--blobs", there).code == 0
    assert takes.run("film", "rain", "again.mkv").code == 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory:", "--sessions memory: ends with this command"),
        ("takes.db", "is not a URL such as"),
        ("sqlite:", "'sqlite:relative/path.db'"),
        ("nothing://x", "nothing"),
    ],
)
def test_what_cannot_be_opened_is_one_line(
    takes: Takes,
    url: str,
    said: str,
) -> None:
    refused = takes.longtake("sessions", "list", "--sessions", url)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert said in refused.err


def test_other_sessions_say_where_their_blobs_are(takes: Takes) -> None:
    refused = takes.longtake("sessions", "sweep", "--sessions", "sqlitee:takes.db")
    assert refused.code == 2
    missing = takes.longtake("sessions", "list")
    assert "Missing option '--sessions'" in missing.err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("90m", 5400), ("12 h", 43200), ("1.5d", 129600), ("2w", 1209600)],
)
def test_a_length_of_time(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "d", "-1d", "0d", "1e3s", "\u0661d", "1 d d"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(click.BadParameter):
        seconds_of(text)
