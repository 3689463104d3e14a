"""A prepared request is a value that can wait."""

from __future__ import annotations

import gc
import weakref

import attrs
import pytest

import longtake as lt
from tests.sdk.toy_family import FOG, pipeline_of

REQUEST = lt.GenerationRequest("fog")


def test_it_cannot_be_changed() -> None:
    prepared = lt.Pipeline(FOG).check(REQUEST)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        prepared.job = None  # type: ignore[misc,assignment]


def test_it_prints_no_picture_and_no_place() -> None:
    text = repr(lt.Pipeline(FOG).check(REQUEST))
    assert "DecodedInputs" not in text
    assert "place" not in text


def test_what_was_decoded_for_a_request_is_let_go_after_its_last_reader() -> None:
    alive: list[bool] = []
    decoded: list[weakref.ref[lt.DecodedInputs]] = []

    def look(inputs: lt.DecodedInputs) -> None:
        decoded.append(weakref.ref(inputs))

    def later() -> None:
        gc.collect()
        alive.append(decoded[0]() is not None)

    pipeline_of(look, later).generate(REQUEST)
    assert alive == [False]
