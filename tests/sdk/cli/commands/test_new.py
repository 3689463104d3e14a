"""``longtake new``: what it writes into the current folder, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.cli.cli_support import Command


@pytest.mark.parametrize(
    ("kind", "folder", "trial"),
    [
        (
            "family",
            "longtake-demo",
            'longtake generate --family demo "a ball of light" -o demo.mp4',
        ),
        (
            "observer",
            "longtake-demo-observer",
            'LONGTAKE_OBSERVERS=\'{"demo": {"path": "runs.jsonl"}}\' '
            'longtake generate "a ball of light"',
        ),
        ("blob-store", "longtake-demo-blobs", 'longtake doctor --blobs "demo://$PWD/blobs.db"'),
        (
            "session-store",
            "longtake-demo-sessions",
            'longtake doctor --sessions "demo://$PWD/sessions.db"',
        ),
    ],
)
def test_a_package_is_written_and_the_way_on_is_told(
    longtake: Command, kind: str, folder: str, trial: str
) -> None:
    done = longtake("new", kind, "demo")
    assert (done.code, done.err) == (0, "")
    assert [path.name for path in Path().iterdir()] == [folder]
    module = folder.replace("-", "_")
    assert Path(folder, "src", module, "__init__.py").is_file()
    assert done.out.splitlines()[2:] == [
        f"  python -m pip install -e './{folder}[test]'",
        f"  python -m pytest {folder}",
        f"  {trial}",
    ]


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("family", "fog"), "there is a family 'fog' of longtake-toys 1.2 (toys)"),
        (("blob-store", "shelf"), "there is a blob store 'shelf'"),
        (("blob-store", "a_b"), "NAME: is 'a_b'"),
        (("session-store", "a_b"), "NAME: is 'a_b'"),
        (("family", "../up"), "NAME: is '../up'"),
        (("family",), "Missing argument 'NAME'"),
        (("boat", "demo"), "No such command 'boat'"),
    ],
)
def test_what_is_refused_is_one_line_and_leaves_nothing(
    longtake: Command, argv: tuple[str, ...], problem: str
) -> None:
    done = longtake("new", *argv)
    assert done.code != 0
    assert problem in done.err
    assert done.err.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_a_folder_that_is_there_is_refused(longtake: Command) -> None:
    longtake("new", "family", "demo")
    done = longtake("new", "family", "demo")
    assert done.code != 0
    assert "longtake-demo: exists already" in done.err


def test_alone_it_shows_what_can_be_started(longtake: Command) -> None:
    done = longtake("new")
    assert (done.code, done.err) == (0, "")
    assert "family" in done.out
    assert "blob-store" in done.out
    assert "session-store" in done.out
    assert "observer" in done.out
