"""Signed states: what was given comes back, and nothing else does."""

from __future__ import annotations

import hmac
import json
import random
import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from tests.sdk.strategies import states

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
BOTH = lt.KeyRing({"old": OLD, "new": NEW}, current="new")
USER = "user:17 take:3"
STATE = lt.ContinuationState(
    "fog.v1", {"schema_version": 1, "state_blob_id": "a" * 32, "x": [1, 2.5, True, None, "é"]}
)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def signer(ring: lt.KeyRing = BOTH) -> tuple[lt.StateSigner, Clock]:
    clock = Clock()
    return lt.StateSigner(ring, clock=clock), clock


def refused(signing: lt.StateSigner, signed: Any, *, audience: str = USER) -> lt.SignatureError:
    with pytest.raises(lt.SignatureError) as raised:
        signing.verify(signed, audience=audience)
    assert raised.value.path == "signed_state"
    assert isinstance(raised.value, ValueError)
    return raised.value


@given(states, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_every_signed_state_comes_back(state: lt.ContinuationState, audience: str) -> None:
    signing, _ = signer()
    signed = signing.sign(state, audience=audience, expires_in=60)
    assert signed.isascii()
    assert "\n" not in signed
    for given_back in (signed, signed.encode()):
        again = signing.verify(given_back, audience=audience)
        assert again == state
        assert again.digest() == state.digest()


def test_the_signature_is_hmac_sha_256_over_the_canonical_json_with_key_id_and_times() -> None:
    signing, clock = signer()
    magic, key_id, mac, body = signing.sign(STATE, audience=USER, expires_in=60).split(".", 3)
    document = {
        "audience": USER,
        "expires": clock.now + 60,
        "issued": clock.now,
        "state": {"kind": STATE.kind, "payload": STATE.payload},
    }
    assert body == json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert (magic, key_id) == ("longtake-signed-state-1", "new")
    derived = hmac.digest(NEW, b"longtake signed state 1\x01", "sha256")
    assert mac == hmac.digest(derived, f"{magic}.{key_id}.{body}".encode(), "sha256").hex()


def test_any_one_byte_changed_at_every_place_is_refused_in_the_same_words() -> None:
    signing, _ = signer()
    signed = signing.sign(STATE, audience=USER, expires_in=60).encode()
    chance = random.Random(4)
    said = set()
    for place, byte in enumerate(signed):
        others = {byte ^ 1, byte ^ 0x20, byte ^ 0x80, 0, 0x20, 0x2E, chance.randrange(256)} - {byte}
        for other in others:
            changed = signed[:place] + bytes([other]) + signed[place + 1 :]
            said.add(str(refused(signing, changed)))
    assert len(said) == 1


@given(st.data())
def test_any_change_at_all_is_refused(data: st.DataObject) -> None:
    signing, _ = signer()
    signed = signing.sign(STATE, audience=USER, expires_in=60)
    start = data.draw(st.integers(0, len(signed)))
    length = data.draw(st.integers(0, 3))
    changed = signed[:start] + data.draw(st.text(max_size=3)) + signed[start + length :]
    if changed != signed:
        refused(signing, changed)


def test_json_that_says_the_same_in_other_words_is_refused() -> None:
    signing, _ = signer()
    signed = signing.sign(STATE, audience=USER, expires_in=60)
    head, body = signed[: signed.index("{")], signed[signed.index("{") :]
    for other in (
        json.dumps(json.loads(body), sort_keys=True),
        body.replace("\\u00e9", "é"),
        body.replace("2.5", "2.50"),
        body.replace('"x":', '"x":0,"x":'),
        f"{body} ",
        f"{body}\n",
    ):
        assert other != body
        refused(signing, head + other)


def test_a_state_is_good_until_it_expires_and_not_longer() -> None:
    signing, clock = signer()
    signed = signing.sign(STATE, audience=USER, expires_in=60)
    clock.now += 59.9
    assert signing.verify(signed, audience=USER) == STATE
    for later in (0.1, 3600.0, 1e9):
        clock.now += later
        assert "expired" in str(refused(signing, signed))


def test_a_state_for_another_audience_is_refused() -> None:
    signing, _ = signer()
    signed = signing.sign(STATE, audience=USER, expires_in=60)
    for other in ("user:18 take:3", USER[:-1], f"{USER} ", USER.upper()):
        assert "audience" in str(refused(signing, signed, audience=other))


def test_a_key_that_was_replaced_still_verifies_and_a_retired_one_does_not() -> None:
    before, _ = signer(lt.KeyRing({"old": OLD}))
    during, _ = signer(BOTH)
    after, _ = signer(lt.KeyRing({"new": NEW}))
    first = before.sign(STATE, audience=USER, expires_in=60)
    second = during.sign(STATE, audience=USER, expires_in=60)
    assert during.verify(first, audience=USER) == STATE
    assert during.verify(second, audience=USER) == STATE
    assert after.verify(second, audience=USER) == STATE
    refused(after, first)
    refused(before, second)


def test_a_key_under_the_id_of_another_is_refused() -> None:
    signed = signer(lt.KeyRing({"new": OLD}))[0].sign(STATE, audience=USER, expires_in=60)
    refused(signer(lt.KeyRing({"new": NEW}))[0], signed)


def test_a_ring_that_is_also_used_for_something_else_signs_nothing_there() -> None:
    """The key itself, or one derived for another purpose, makes no signature."""
    signing, _ = signer(lt.KeyRing({"new": NEW}))
    magic, key_id, _, body = signing.sign(STATE, audience=USER, expires_in=60).split(".", 3)
    text = f"{magic}.{key_id}.{body}".encode()
    for key in (NEW, lt.KeyRing({"new": NEW}).derived("new", b"another purpose")):
        mac = hmac.digest(key, text, "sha256").hex()
        refused(signing, f"{magic}.{key_id}.{mac}.{body}")


@pytest.mark.parametrize(
    "signed",
    ["", "{}", STATE.to_json(), b"", "longtake-signed-state-1", "longtake-signed-state-1...{",
     f"longtake-signed-state-1.new.{'0' * 64}.{{}}", f"longtake-signed-state-1.new.{'é' * 64}.{{",
     f"longtake-signed-state-1.new.{'0' * 64}.{{\ud800}}", b"\xff" * 100, None, 1, {}, ["x"]],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_signed_state_is_refused(signed: Any) -> None:
    refused(signer()[0], signed)


def test_more_than_a_state_may_have_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    signing, _ = signer()
    signed = signing.sign(STATE, audience=USER, expires_in=60)
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", "100")
    refused(signing, signed)


@pytest.mark.parametrize("body", ["{}", '{"a":1,"a":2}', '{"x":1e999}', '{"x": NaN}', "{" * 9999])
def test_what_somebody_else_signed_with_the_key_is_refused_in_the_same_class(body: str) -> None:
    signing, _ = signer()
    head = "longtake-signed-state-1.new."
    key = BOTH.derived("new", b"longtake signed state 1")
    mac = hmac.digest(key, f"{head}{body}".encode(), "sha256").hex()
    assert "cannot be read" in str(refused(signing, f"{head}{mac}.{body}"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", "\ud800", {1: "x"}, {None: 1}])
def test_what_is_no_plain_json_is_not_signed(value: Any) -> None:
    signing, _ = signer()
    with pytest.raises(lt.ValidationError):
        signing.sign(lt.ContinuationState("fog.v1", {"x": value}), audience=USER, expires_in=60)


@given(states, states)
def test_states_that_differ_are_signed_as_different_texts(
    one: lt.ContinuationState, other: lt.ContinuationState
) -> None:
    signing, _ = signer()
    texts = {signing.sign(each, audience=USER, expires_in=60) for each in (one, other)}
    assert len(texts) == len({one.to_json(), other.to_json()})


@pytest.mark.parametrize("audience", ["", "x" * 256, None, b"user", 17])
def test_an_audience_is_a_text_of_1_to_255_characters(audience: Any) -> None:
    signing, _ = signer()
    signed = signing.sign(STATE, audience="x" * 255, expires_in=60)
    assert signing.verify(signed, audience="x" * 255) == STATE
    with pytest.raises(lt.ValidationError, match="^audience: "):
        signing.sign(STATE, audience=audience, expires_in=60)
    with pytest.raises(lt.ValidationError, match="^audience: "):
        signing.verify(signed, audience=audience)


@pytest.mark.parametrize("seconds", [0, -1, True, "60", float("inf"), float("nan"), None, 1e12])
def test_the_time_is_a_positive_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(lt.ValidationError, match="^expires_in: "):
        signer()[0].sign(STATE, audience=USER, expires_in=seconds)


def test_a_bare_key_is_no_ring() -> None:
    with pytest.raises(lt.ValidationError, match=r"must be a longtake\.KeyRing"):
        lt.StateSigner(NEW)  # type: ignore[arg-type]
