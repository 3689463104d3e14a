"""The store that ``--blobs`` names is closed when a command ends, however it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

import longtake as lt
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.toy_family import Shelf

OPEN = ("--blobs", "shelf:")


class ClosingShelf(Shelf):
    """Knows how often it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closings = 0

    def close(self) -> None:
        self.closings += 1


@pytest.fixture
def shelf() -> ClosingShelf:
    """What ``shelf:`` opens, in the place of the one that cannot be closed."""
    return ClosingShelf()


def test_generate_closes_the_store(longtake: Command, model: str, shelf: ClosingShelf) -> None:
    done = longtake("generate", "one", "--model", model, *OPEN, "--save-state", "state.json")
    assert (done.code, shelf.closings) == (0, 1)
    done = longtake("finish", "--state", "state.json", "--model", model, *OPEN)
    assert (done.code, shelf.closings) == (0, 2)
    done = longtake("inspect", "state.json", *OPEN)
    assert (done.code, shelf.closings) == (0, 3)


@pytest.mark.parametrize(
    "wrong", [("--set", "draw.fail_in_segment=0"), ("--height", "17"), ("--family", "nobody")]
)
def test_it_is_closed_after_an_error(
    longtake: Command, model: str, shelf: ClosingShelf, wrong: tuple[str, ...]
) -> None:
    assert longtake("generate", "one", "--model", model, *OPEN, *wrong).code != 0
    assert shelf.closings == 1


def test_an_interrupted_take_leaves_it_closed(
    longtake: Command, model: str, shelf: ClosingShelf
) -> None:
    done = longtake(
        *("generate", "one", "two", "--model", model, *OPEN),
        *("--set", "draw.interrupt_in_segment=1"),
    )
    assert done.code != 0
    assert shelf.closings == 1
    assert Path("take.mp4").exists()


class JammedShelf(Shelf):
    def close(self) -> None:
        raise lt.BlobStoreUnavailable("the door is jammed")


@pytest.mark.parametrize(
    ("more", "code", "said"), [((), 0, "take.mp4: 4 frames"), (("--height", "17"), 2, "height")]
)
def test_a_store_that_cannot_be_closed_hides_no_error(
    monkeypatch: pytest.MonkeyPatch,
    longtake: Command,
    model: str,
    more: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr("longtake.cli.options.stores.open_blob_store", lambda url: JammedShelf())
    done = longtake("generate", "one", "--model", model, *OPEN, *more)
    assert done.code == code
    assert said in done.err
