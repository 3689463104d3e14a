"""What an order refuses before any dispatcher sees it."""

from __future__ import annotations

import pytest

import longtake as lt

REQUEST = lt.GenerationRequest("a tram")
STATE = lt.ContinuationState("fog.v1", {})


@pytest.mark.parametrize("order_id", ["", "a b", "é", "x" * 129, "../x", "a\n", 7, None])
def test_an_order_refuses_a_bad_id(order_id: object) -> None:
    with pytest.raises(lt.ValidationError, match="1 to 128 characters") as refused:
        lt.StepOrder(id=order_id, session_id="tram", request=REQUEST)  # type: ignore[arg-type]
    assert refused.value.path == "order.id"


@pytest.mark.parametrize("order_id", ["a", "x" * 128, "Order_1-2"])
def test_an_order_takes_a_good_id(order_id: str) -> None:
    assert lt.StepOrder(id=order_id, session_id="tram", request=REQUEST).id == order_id


def test_an_order_refuses_a_bad_session_id() -> None:
    with pytest.raises(lt.InvalidSessionId):
        lt.StepOrder(id="a", session_id="../tram", request=REQUEST)


@pytest.mark.parametrize(
    ("request_given", "path"),
    [
        ("a tram", "order.request"),
        (None, "order.request"),
        (lt.GenerationRequest("a tram", state=STATE), "order.request.state"),
    ],
)
def test_an_order_refuses_a_bad_request(request_given: object, path: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.StepOrder(id="a", session_id="tram", request=request_given)  # type: ignore[arg-type]
    assert refused.value.path == path


@pytest.mark.parametrize("revision", [-1, 1.0, "1", True])
def test_an_order_refuses_a_bad_revision(revision: object) -> None:
    with pytest.raises(lt.ValidationError, match="expected_revision"):
        lt.StepOrder(
            id="a",
            session_id="tram",
            request=REQUEST,
            expected_revision=revision,  # type: ignore[arg-type]
        )


def test_an_order_does_not_show_its_prompt() -> None:
    assert "a tram" not in repr(lt.StepOrder(id="a", session_id="tram", request=REQUEST))
