"""A request is checked as it is rolled, and kept as it was asked for."""

from __future__ import annotations

import pytest

import longtake as lt

pytest.importorskip("longtake_serve")

from longtake_serve.takes.admission import Admission
from tests.contrib.serve.scripted import asked


def test_what_is_checked_is_what_is_rolled() -> None:
    seen: list[lt.GenerationRequest] = []
    document = asked("sea")
    admitted = Admission(check=seen.append, clock=lambda: 5.0).asked(document)
    (checked,) = seen
    assert (checked.output.last, checked.output.return_state) == (False, True)
    assert admitted.document == lt.GenerationRequest.from_dict(document).to_dict()
    assert (admitted.prompt, admitted.created, admitted.key) == ("sea", 5.0, None)


def test_a_state_is_refused_before_it_is_read() -> None:
    def check(request: lt.GenerationRequest) -> None:
        raise AssertionError("it was read")

    state = {"kind": "pendulum.v2", "payload": {}}
    with pytest.raises(lt.ValidationError, match="state: is the take's own here"):
        Admission(check=check).asked({**asked("sea"), "state": state})
