"""Ids are unguessable, checked before they become a path, and never repeated whole."""

from __future__ import annotations

import pytest

import longtake as lt
from longtake.blobs.ids import abbreviated, check_id, is_id, new_id


def test_new_ids_differ_and_are_ids() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(is_id(each) and check_id(each) == each for each in made)


@pytest.mark.parametrize(
    "name",
    ["", "a" * 31, "a" * 33, "A" * 32, "g" * 32, "a" * 32 + "\n", "../" + "a" * 29, "٣" * 32],
)
def test_anything_else_is_refused_without_being_repeated(name: str) -> None:
    assert not is_id(name)
    with pytest.raises(lt.InvalidBlobId) as refused:
        check_id(name)
    assert not name or name not in str(refused.value)


@pytest.mark.parametrize("given", [None, 3, b"a" * 32, ["a" * 32]])
def test_what_is_no_string_is_no_id(given: object) -> None:
    with pytest.raises(lt.InvalidBlobId, match=type(given).__name__):
        check_id(given)


def test_messages_show_too_little_of_an_id_to_read_the_blob() -> None:
    blob_id = new_id()
    assert abbreviated(blob_id) == f"{blob_id[:6]}..."
