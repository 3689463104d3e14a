"""A ring of keys: what is a key, which one is in use, and that none of them is ever shown."""

from __future__ import annotations

import hmac
import pickle
import secrets
from typing import Any

import pytest

import longtake as lt

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(64)


def test_the_only_key_is_the_current_one() -> None:
    assert lt.KeyRing({"a": OLD}).current == "a"


def test_of_several_keys_one_is_named_and_comes_first() -> None:
    ring = lt.KeyRing({"a": OLD, "b": NEW}, current="b")
    assert ring.current == "b"
    assert list(ring) == ["b", "a"]
    assert "a" in ring
    assert "c" not in ring


@pytest.mark.parametrize("current", [None, "c", b"a", 1])
def test_a_current_key_that_is_not_there_is_refused(current: Any) -> None:
    with pytest.raises(lt.ValidationError, match=r"^current: .*must be one of a, b") as refused:
        lt.KeyRing({"a": OLD, "b": NEW}, current=current)
    assert refused.value.path == "current"


@pytest.mark.parametrize(
    "key",
    [
        "a text of more than thirty-two characters",
        bytearray(OLD),
        memoryview(OLD),
        OLD[:31],
        b"",
        bytes(32),
        b"changeme" * 8,
        None,
    ],
    ids=lambda key: type(key).__name__,
)
def test_what_is_no_random_key_of_32_bytes_is_refused(key: Any) -> None:
    with pytest.raises(lt.ValidationError, match="token_bytes") as refused:
        lt.KeyRing({"a": NEW, "b": key}, current="a")
    assert refused.value.path == "keys[b]"


@pytest.mark.parametrize("key_id", ["", "a.b", "a/b", "ü", "a" * 65, "a\n", 1, None, "٣"])
def test_an_id_of_another_form_is_refused(key_id: Any) -> None:
    with pytest.raises(lt.ValidationError, match="A-Z a-z 0-9 _ -"):
        lt.KeyRing({key_id: OLD})


@pytest.mark.parametrize("keys", [{}, [], OLD, None], ids=["none", "a list", "bytes", "None"])
def test_a_ring_without_keys_is_refused(keys: Any) -> None:
    with pytest.raises(lt.ValidationError, match="one or more"):
        lt.KeyRing(keys)


def test_one_key_under_two_ids_is_refused() -> None:
    with pytest.raises(lt.ValidationError, match="two ids"):
        lt.KeyRing({"a": OLD, "b": OLD}, current="a")


def test_no_key_is_ever_shown() -> None:
    ring = lt.KeyRing({"a": OLD, "b": NEW}, current="b")
    shown = [repr(ring), str(ring), f"{ring}", repr([ring]), repr(lt.StateSigner(ring))]
    with pytest.raises(lt.ValidationError) as refused:
        lt.KeyRing({"a": OLD, "b": NEW[:16]}, current="a")
    for text in (*shown, str(refused.value)):
        for key in (OLD, NEW):
            assert repr(key)[2:-1][:12] not in text
            assert key.hex()[:12] not in text


def test_a_ring_goes_to_another_process_whole() -> None:
    ring = lt.KeyRing({"a": OLD, "b": NEW}, current="b")
    copy = pickle.loads(pickle.dumps(ring))
    assert list(copy) == list(ring)
    assert copy.derived("a", b"x") == ring.derived("a", b"x")


def test_a_later_change_of_the_mapping_is_not_the_rings() -> None:
    keys = {"a": OLD}
    ring = lt.KeyRing(keys)
    keys["b"] = NEW
    assert list(ring) == ["a"]


def test_each_purpose_has_a_key_of_its_own_by_hkdf_expand() -> None:
    """RFC 5869: T(1) = HMAC(PRK, info | 0x01)."""
    ring = lt.KeyRing({"a": OLD, "b": NEW}, current="a")
    assert ring.derived("a", b"sign") == hmac.digest(OLD, b"sign\x01", "sha256")
    derived = {ring.derived(key_id, use) for key_id in ring for use in (b"sign", b"encrypt")}
    assert len(derived) == 4
    assert derived.isdisjoint({OLD, NEW})
